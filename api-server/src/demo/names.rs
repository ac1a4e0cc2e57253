//! Vietnamese names, put together from common parts: family, middle and given name, by sex. They name no real person.

use super::random::Random;
use cell_records_types::Sex;

/// Family names, as often as they are met around Vinh.
const FAMILY: [(&str, u64); 30] = [
    ("Nguyễn", 300),
    ("Trần", 110),
    ("Lê", 90),
    ("Phan", 70),
    ("Hoàng", 60),
    ("Phạm", 60),
    ("Hồ", 45),
    ("Võ", 35),
    ("Đặng", 35),
    ("Cao", 25),
    ("Bùi", 25),
    ("Thái", 20),
    ("Trương", 20),
    ("Đinh", 18),
    ("Ngô", 18),
    ("Dương", 15),
    ("Vũ", 15),
    ("Chu", 14),
    ("Lưu", 12),
    ("Hà", 12),
    ("Đậu", 12),
    ("Mai", 10),
    ("Tạ", 8),
    ("Lương", 8),
    ("Đào", 8),
    ("Tô", 6),
    ("Đoàn", 6),
    ("Doãn", 4),
    ("Phùng", 4),
    ("Uông", 3),
];

const MIDDLE_MALE: [(&str, u64); 22] = [
    ("Văn", 180),
    ("Xuân", 60),
    ("Đình", 55),
    ("Hữu", 55),
    ("Đức", 50),
    ("Quang", 40),
    ("Ngọc", 40),
    ("Minh", 35),
    ("Trọng", 35),
    ("Bá", 30),
    ("Sỹ", 30),
    ("Công", 30),
    ("Viết", 28),
    ("Thanh", 25),
    ("Hồng", 20),
    ("Duy", 18),
    ("Anh", 14),
    ("Mạnh", 14),
    ("Tiến", 14),
    ("Khắc", 14),
    ("Cảnh", 12),
    ("Thế", 12),
];

const MIDDLE_FEMALE: [(&str, u64); 16] = [
    ("Thị", 260),
    ("Thị Thanh", 45),
    ("Thị Hồng", 40),
    ("Thị Thu", 38),
    ("Thị Kim", 34),
    ("Thị Minh", 30),
    ("Thị Ngọc", 30),
    ("Thị Bích", 22),
    ("Thị Phương", 22),
    ("Thị Quỳnh", 14),
    ("Thị Xuân", 14),
    ("Thanh", 14),
    ("Thu", 12),
    ("Ngọc", 12),
    ("Hoài", 10),
    ("Diệu", 8),
];

const GIVEN_MALE: [&str; 64] = [
    "An", "Bảo", "Bình", "Cảnh", "Chiến", "Chính", "Chương", "Công", "Cường", "Đại", "Đạt", "Định", "Đông", "Đồng",
    "Đức", "Dũng", "Dương", "Giang", "Giáp", "Hà", "Hải", "Hiền", "Hiếu", "Hòa", "Hoàn", "Hoạt", "Hồng", "Hợi", "Hùng",
    "Hưng", "Huy", "Khánh", "Khoa", "Kiên", "Lâm", "Lân", "Lộc", "Long", "Lợi", "Lương", "Mạnh", "Minh", "Nam",
    "Nghĩa", "Nhân", "Nhật", "Phong", "Phúc", "Phương", "Quân", "Quý", "Sơn", "Tài", "Tâm", "Tân", "Thắng", "Thành",
    "Thọ", "Tiến", "Toàn", "Trung", "Tuấn", "Việt", "Vinh",
];

const GIVEN_FEMALE: [&str; 60] = [
    "An",
    "Anh",
    "Bình",
    "Châu",
    "Chi",
    "Chung",
    "Cúc",
    "Dung",
    "Giang",
    "Hà",
    "Hạnh",
    "Hằng",
    "Hiền",
    "Hiệp",
    "Hoa",
    "Hòa",
    "Hoài",
    "Hồng",
    "Huệ",
    "Hương",
    "Hường",
    "Huyền",
    "Khánh",
    "Lam",
    "Lan",
    "Lành",
    "Liên",
    "Liễu",
    "Linh",
    "Lý",
    "Mai",
    "Mận",
    "Minh",
    "Nga",
    "Ngân",
    "Ngọc",
    "Nguyệt",
    "Nhàn",
    "Nhung",
    "Oanh",
    "Phúc",
    "Phương",
    "Phượng",
    "Quế",
    "Quỳnh",
    "Sen",
    "Tâm",
    "Thanh",
    "Thảo",
    "Thịnh",
    "Thơm",
    "Thu",
    "Thủy",
    "Tình",
    "Trang",
    "Tuyết",
    "Vân",
    "Vinh",
    "Xuân",
    "Yến",
];

/// A full name, family name first.
pub fn full_name(random: &mut Random, sex: &Sex) -> String {
    loop {
        let family = random.weighted(&FAMILY);
        let (middle, given) = match sex {
            Sex::Female => (random.weighted(&MIDDLE_FEMALE), random.one(&GIVEN_FEMALE)),
            Sex::Male | Sex::Unspecified | Sex::Unknown(_) => (random.weighted(&MIDDLE_MALE), random.one(&GIVEN_MALE)),
        };
        // "Thị Hồng Hồng" is no name, nor is "Hà Hà".
        if !middle.ends_with(given) && family != given && !middle.ends_with(family) {
            return format!("{family} {middle} {given}");
        }
    }
}
