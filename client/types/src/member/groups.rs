//! Groups of people that a member belongs to: ethnic group, religion, entitlement.

use crate::codes;

codes! {
    /// Ethnic groups, by the numbers of the General Statistics Office (decision 1019/QĐ-TCTK of 2008; those of decision
    /// 121-TCTK/PPCĐ of 1979 are others).
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
        EDe = "11" "Ê Đê" "E De";
        BaNa = "12" "Ba Na" "Ba Na";
        SanChay = "13" "Sán Chay" "San Chay";
        Cham = "14" "Chăm" "Cham";
        CoHo = "15" "Cơ Ho" "Co Ho";
        XoDang = "16" "Xơ Đăng" "Xo Dang";
        SanDiu = "17" "Sán Dìu" "San Diu";
        Hre = "18" "Hrê" "Hre";
        Raglay = "19" "Raglay" "Raglay";
        Mnong = "20" "Mnông" "Mnong";
        Tho = "21" "Thổ" "Tho";
        Xtieng = "22" "Xtiêng" "Xtieng";
        KhoMu = "23" "Khơ Mú" "Kho Mu";
        BruVanKieu = "24" "Bru Vân Kiều" "Bru Van Kieu";
        CoTu = "25" "Cơ Tu" "Co Tu";
        Giay = "26" "Giáy" "Giay";
        TaOi = "27" "Tà Ôi" "Ta Oi";
        Ma = "28" "Mạ" "Ma";
        GieTrieng = "29" "Gié Triêng" "Gie Trieng";
        Co = "30" "Co" "Co";
        ChoRo = "31" "Chơ Ro" "Cho Ro";
        XinhMun = "32" "Xinh Mun" "Xinh Mun";
        HaNhi = "33" "Hà Nhì" "Ha Nhi";
        ChuRu = "34" "Chu Ru" "Chu Ru";
        Lao = "35" "Lào" "Lao";
        LaChi = "36" "La Chí" "La Chi";
        Khang = "37" "Kháng" "Khang";
        PhuLa = "38" "Phù Lá" "Phu La";
        LaHu = "39" "La Hủ" "La Hu";
        LaHa = "40" "La Ha" "La Ha";
        PaThen = "41" "Pà Thẻn" "Pa Then";
        Lu = "42" "Lự" "Lu";
        Ngai = "43" "Ngái" "Ngai";
        Chut = "44" "Chứt" "Chut";
        LoLo = "45" "Lô Lô" "Lo Lo";
        Mang = "46" "Mảng" "Mang";
        CoLao = "47" "Cơ Lao" "Co Lao";
        BoY = "48" "Bố Y" "Bo Y";
        Cong = "49" "Cống" "Cong";
        SiLa = "50" "Si La" "Si La";
        PuPeo = "51" "Pu Péo" "Pu Peo";
        RoMam = "52" "Rơ Măm" "Ro Mam";
        Brau = "53" "Brâu" "Brau";
        ODu = "54" "Ơ Đu" "O Du";
        Foreign = "55" "Người nước ngoài" "Foreigner";
        Other = "other" "Khác" "Other";
        NotKnown = "unknown" "Chưa rõ" "Unknown";
    }
}

codes! {
    /// Religions: those that the State has recognised, as the census of 2019 counts them.
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
    /// Groups that are entitled to benefits, after article 3 of the Ordinance 02/2020/UBTVQH14 on people of merit.
    pub open enum PolicyCategory = "policy_category" {
        None = "none" "Không thuộc diện chính sách" "None";
        RevolutionaryBefore1945 = "revolutionary_before_1945" "Hoạt động cách mạng trước ngày 01/01/1945" "Active in the revolution before 1 January 1945";
        RevolutionaryOf1945 = "revolutionary_of_1945" "Hoạt động cách mạng từ ngày 01/01/1945 đến ngày khởi nghĩa tháng Tám năm 1945" "Active in the revolution from 1 January 1945 to the August Uprising";
        HeroicMother = "heroic_mother" "Bà mẹ Việt Nam anh hùng" "Heroic Vietnamese Mother";
        ArmedForcesHero = "armed_forces_hero" "Anh hùng Lực lượng vũ trang nhân dân" "Hero of the People's Armed Forces";
        WartimeLabourHero = "wartime_labour_hero" "Anh hùng Lao động trong thời kỳ kháng chiến" "Hero of Labour in the resistance";
        WarInvalid = "war_invalid" "Thương binh, người hưởng chính sách như thương binh" "War invalid, or treated as one";
        SickSoldier = "sick_soldier" "Bệnh binh" "Sick soldier";
        ToxicChemicals = "toxic_chemicals" "Hoạt động kháng chiến bị nhiễm chất độc hóa học" "Exposed to toxic chemicals in the resistance";
        Imprisoned = "imprisoned" "Hoạt động cách mạng, kháng chiến, bảo vệ Tổ quốc, làm nghĩa vụ quốc tế bị địch bắt tù, đày" "Imprisoned or exiled by the enemy";
        Resistance = "resistance" "Hoạt động kháng chiến giải phóng dân tộc, bảo vệ Tổ quốc, làm nghĩa vụ quốc tế" "Active in the resistance, in defence of the country or on international duty";
        HelpedRevolution = "helped_revolution" "Có công giúp đỡ cách mạng" "Helped the revolution";
        MartyrFamily = "martyr_family" "Thân nhân liệt sĩ" "Family of a martyr";
        MeritFamily = "merit_family" "Thân nhân người có công khác" "Family of another person of merit";
        Other = "other" "Khác" "Other";
    }
}

#[cfg(test)]
mod tests {
    use super::Ethnicity;

    #[test]
    fn ethnic_groups_have_the_numbers_of_the_general_statistics_office() {
        let label =
            |number: &str| Ethnicity::LIST.codes.iter().find(|code| code.code == number).map(|code| code.label.vi);
        // There is an older list, whose numbers from 04 on are others.
        for (number, name) in [
            ("01", "Kinh"),
            ("04", "Mường"),
            ("06", "Hoa"),
            ("11", "Ê Đê"),
            ("16", "Xơ Đăng"),
            ("21", "Thổ"),
            ("28", "Mạ"),
            ("36", "La Chí"),
            ("43", "Ngái"),
            ("48", "Bố Y"),
            ("52", "Rơ Măm"),
            ("54", "Ơ Đu"),
        ] {
            assert_eq!(label(number), Some(name), "{number}");
        }
        let numbers: Vec<String> = (1..=55).map(|number| format!("{number:02}")).collect();
        assert!(Ethnicity::LIST.codes.iter().map(|code| code.code).take(55).eq(numbers.iter().map(String::as_str)));
    }
}
