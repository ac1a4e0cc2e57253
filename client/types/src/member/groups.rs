//! Groups of people that a member belongs to: ethnic group, religion, entitlement.

use crate::codes;

codes! {
    /// Ethnic groups, by the numbers of the General Statistics Office.
    pub open enum Ethnicity = "ethnicity" {
        Kinh = "01" "Kinh" "Kinh";
        Tay = "02" "Tày" "Tay";
        Thai = "03" "Thái" "Thai";
        Muong = "04" "Mường" "Muong";
        Khmer = "05" "Khmer" "Khmer";
        Hoa = "06" "Hoa" "Hoa";
        Nung = "07" "Nùng" "Nung";
        Mong = "08" "Mông" "Mong";
        Dao = "09" "Dao" "Dao";
        GiaRai = "10" "Gia Rai" "Gia Rai";
        Ngai = "11" "Ngái" "Ngai";
        EDe = "12" "Ê Đê" "E De";
        BaNa = "13" "Ba Na" "Ba Na";
        XoDang = "14" "Xơ Đăng" "Xo Dang";
        SanChay = "15" "Sán Chay" "San Chay";
        CoHo = "16" "Cơ Ho" "Co Ho";
        Cham = "17" "Chăm" "Cham";
        SanDiu = "18" "Sán Dìu" "San Diu";
        Hre = "19" "Hrê" "Hre";
        Mnong = "20" "Mnông" "Mnong";
        Raglay = "21" "Raglay" "Raglay";
        Xtieng = "22" "Xtiêng" "Xtieng";
        BruVanKieu = "23" "Bru Vân Kiều" "Bru Van Kieu";
        Tho = "24" "Thổ" "Tho";
        Giay = "25" "Giáy" "Giay";
        CoTu = "26" "Cơ Tu" "Co Tu";
        GieTrieng = "27" "Gié Triêng" "Gie Trieng";
        Ma = "28" "Mạ" "Ma";
        KhoMu = "29" "Khơ Mú" "Kho Mu";
        Co = "30" "Co" "Co";
        TaOi = "31" "Tà Ôi" "Ta Oi";
        ChoRo = "32" "Chơ Ro" "Cho Ro";
        Khang = "33" "Kháng" "Khang";
        XinhMun = "34" "Xinh Mun" "Xinh Mun";
        HaNhi = "35" "Hà Nhì" "Ha Nhi";
        ChuRu = "36" "Chu Ru" "Chu Ru";
        Lao = "37" "Lào" "Lao";
        LaChi = "38" "La Chí" "La Chi";
        LaHa = "39" "La Ha" "La Ha";
        PhuLa = "40" "Phù Lá" "Phu La";
        LaHu = "41" "La Hủ" "La Hu";
        Lu = "42" "Lự" "Lu";
        LoLo = "43" "Lô Lô" "Lo Lo";
        Chut = "44" "Chứt" "Chut";
        Mang = "45" "Mảng" "Mang";
        PaThen = "46" "Pà Thẻn" "Pa Then";
        CoLao = "47" "Cơ Lao" "Co Lao";
        Cong = "48" "Cống" "Cong";
        BoY = "49" "Bố Y" "Bo Y";
        SiLa = "50" "Si La" "Si La";
        PuPeo = "51" "Pu Péo" "Pu Peo";
        Brau = "52" "Brâu" "Brau";
        ODu = "53" "Ơ Đu" "O Du";
        RoMam = "54" "Rơ Măm" "Ro Mam";
        Foreign = "55" "Người nước ngoài" "Foreigner";
        Other = "other" "Khác" "Other";
        NotKnown = "unknown" "Chưa rõ" "Unknown";
    }
}

codes! {
    /// Religions: those that the State has recognised, as the census counts them.
    pub open enum Religion = "religion" {
        None = "none" "Không" "None";
        Buddhism = "buddhism" "Phật giáo" "Buddhism";
        Catholicism = "catholicism" "Công giáo" "Catholicism";
        Protestantism = "protestantism" "Tin Lành" "Protestantism";
        CaoDai = "cao_dai" "Cao Đài" "Caodaism";
        HoaHao = "hoa_hao" "Phật giáo Hòa Hảo" "Hoa Hao Buddhism";
        Islam = "islam" "Hồi giáo" "Islam";
        Bahai = "bahai" "Tôn giáo Baha'i" "Baha'i Faith";
        PureLand = "pure_land" "Tịnh độ Cư sĩ Phật hội Việt Nam" "Pure Land Buddhist Home Practice";
        Adventism = "adventism" "Cơ đốc Phục lâm" "Seventh-day Adventism";
        TuAnHieuNghia = "tu_an_hieu_nghia" "Phật giáo Tứ Ân Hiếu Nghĩa" "Tu An Hieu Nghia";
        MinhSu = "minh_su" "Minh Sư Đạo" "Minh Su";
        MinhLy = "minh_ly" "Minh Lý Đạo – Tam Tông Miếu" "Minh Ly – Tam Tong Mieu";
        Brahmanism = "brahmanism" "Bà-la-môn" "Brahmanism";
        Mormonism = "mormonism" "Mặc Môn" "Mormonism";
        HieuNghiaTaLon = "hieu_nghia_ta_lon" "Phật giáo Hiếu Nghĩa Tà Lơn" "Hieu Nghia Ta Lon";
        BuuSonKyHuong = "buu_son_ky_huong" "Bửu Sơn Kỳ Hương" "Buu Son Ky Huong";
        Other = "other" "Khác" "Other";
        NotKnown = "unknown" "Chưa rõ" "Unknown";
    }
}

codes! {
    /// Groups that are entitled to benefits, after the Ordinance 02/2020/UBTVQH14 on people of merit.
    pub open enum PolicyCategory = "policy_category" {
        None = "none" "Không thuộc diện chính sách" "None";
        RevolutionaryBefore1945 = "revolutionary_before_1945" "Hoạt động cách mạng trước ngày 01/01/1945" "Active in the revolution before 1 January 1945";
        RevolutionaryOf1945 = "revolutionary_of_1945" "Hoạt động cách mạng từ ngày 01/01/1945 đến Tổng khởi nghĩa tháng Tám năm 1945" "Active in the revolution from 1 January 1945 to the August Uprising";
        HeroicMother = "heroic_mother" "Bà mẹ Việt Nam anh hùng" "Heroic Vietnamese Mother";
        ArmedForcesHero = "armed_forces_hero" "Anh hùng Lực lượng vũ trang nhân dân" "Hero of the People's Armed Forces";
        WartimeLabourHero = "wartime_labour_hero" "Anh hùng Lao động trong thời kỳ kháng chiến" "Hero of Labour in the resistance";
        WarInvalid = "war_invalid" "Thương binh, người hưởng chính sách như thương binh" "War invalid, or treated as one";
        SickSoldier = "sick_soldier" "Bệnh binh" "Sick soldier";
        ToxicChemicals = "toxic_chemicals" "Hoạt động kháng chiến bị nhiễm chất độc hóa học" "Exposed to toxic chemicals in the resistance";
        Imprisoned = "imprisoned" "Hoạt động cách mạng, kháng chiến bị địch bắt tù, đày" "Imprisoned or exiled by the enemy";
        Resistance = "resistance" "Hoạt động kháng chiến, làm nghĩa vụ quốc tế" "Active in the resistance or on international duty";
        HelpedRevolution = "helped_revolution" "Có công giúp đỡ cách mạng" "Helped the revolution";
        MartyrFamily = "martyr_family" "Thân nhân liệt sĩ" "Family of a martyr";
        MeritFamily = "merit_family" "Thân nhân người có công khác" "Family of another person of merit";
        Other = "other" "Khác" "Other";
    }
}
