//! `unit`: a Party organisation in the tree (docs/DOMAIN.md, Units).

use crate::{Date, Ref, Text, codes, filters, record};

codes! {
    /// What a unit is.
    pub open enum UnitKind = "unit_kind" {
        CentralCommittee = "central_committee" "Trung ương" "Central committee";
        ProvincialCommittee = "provincial_committee" "Tỉnh ủy" "Provincial committee";
        CityCommittee = "city_committee" "Thành ủy" "City committee";
        DistrictCommittee = "district_committee" "Huyện ủy, quận ủy" "District committee";
        UpperOfGrassrootsCommittee = "upper_of_grassroots_committee" "Đảng bộ cấp trên trực tiếp của tổ chức cơ sở đảng" "Committee directly above grassroots organisations";
        GrassrootsCommittee = "grassroots_committee" "Đảng bộ cơ sở" "Grassroots committee";
        SubCommittee = "sub_committee" "Đảng bộ bộ phận" "Sub-committee";
        GrassrootsCell = "grassroots_cell" "Chi bộ cơ sở" "Grassroots cell";
        Cell = "cell" "Chi bộ trực thuộc" "Cell";
        PartyGroup = "party_group" "Tổ đảng" "Party group";
        CommitteeBody = "committee_body" "Cơ quan của cấp ủy" "Body of a committee";
        AdvisoryBoard = "advisory_board" "Ban Đảng" "Advisory board";
        Office = "office" "Văn phòng" "Office";
        PeoplesCommittee = "peoples_committee" "Ủy ban nhân dân" "People's Committee";
        PeoplesCouncil = "peoples_council" "Hội đồng nhân dân" "People's Council";
        FatherlandFront = "fatherland_front" "Mặt trận Tổ quốc" "Fatherland Front";
        MassOrganisation = "mass_organisation" "Đoàn thể" "Mass organisation";
        Employer = "employer" "Cơ quan, đơn vị công tác" "Employer";
    }
}

impl UnitKind {
    /// Whether members belong to units of this kind.
    pub const fn is_cell(&self) -> bool {
        matches!(self, UnitKind::Cell | UnitKind::GrassrootsCell)
    }

    /// Whether cells and other committees may belong to a unit of this kind.
    pub const fn is_committee(&self) -> bool {
        matches!(
            self,
            UnitKind::CentralCommittee
                | UnitKind::ProvincialCommittee
                | UnitKind::CityCommittee
                | UnitKind::DistrictCommittee
                | UnitKind::UpperOfGrassrootsCommittee
                | UnitKind::GrassrootsCommittee
                | UnitKind::SubCommittee
        )
    }
}

codes! {
    /// Where a cell is.
    pub open enum CellType = "cell_type" {
        Residential = "residential" "Khối dân cư" "Residential";
        Agency = "agency" "Cơ quan" "Agency";
        School = "school" "Trường học" "School";
        Police = "police" "Công an" "Police";
        Military = "military" "Quân sự" "Military";
        Enterprise = "enterprise" "Công ty, doanh nghiệp" "Enterprise";
        Cooperative = "cooperative" "Hợp tác xã" "Cooperative";
        Health = "health" "Y tế" "Health";
        PublicServiceUnit = "public_service_unit" "Đơn vị sự nghiệp" "Public service unit";
        Other = "other" "Khác" "Other";
        Unclassified = "unclassified" "Chưa phân loại" "Unclassified";
    }
}

codes! {
    /// The state of a unit.
    pub open enum UnitState = "unit_state" {
        Planned = "planned" "Dự kiến" "Planned";
        Active = "active" "Đang hoạt động" "Active";
        Suspended = "suspended" "Tạm ngừng" "Suspended";
        Dissolved = "dissolved" "Đã giải thể" "Dissolved";
        Merged = "merged" "Đã sáp nhập" "Merged";
        Split = "split" "Đã chia tách" "Split";
    }
}

record! {
    /// A Party organisation in the tree: province, city, ward committee, cell, group.
    /// Its `unit_id` is its own id.
    Unit, UnitCreate, UnitUpdate = "unit" in "units", "Tổ chức" "Unit" "Units",
    Public, downward: true, display: [name] {
        required {
            /// Full name.
            name: Text, "Tên tổ chức" "Name",
            /// What the unit is.
            kind: UnitKind, "Loại tổ chức" "Kind",
        }
        optional {
            /// The unit above; absent at the root only. Changing it moves the whole subtree.
            parent_id: Ref<Unit>, "Tổ chức cấp trên trực tiếp" "Unit above",
            /// Since when it is under its parent.
            parent_since: Date, "Trực thuộc từ ngày" "Under it since",
            /// Local code, unique among the children of one parent.
            code: Text<40>, "Mã tổ chức" "Code",
            /// Short name.
            short_name: Text, "Tên gọi tắt" "Short name",
            /// Identifier in national systems.
            national_identifier: Text, "Mã định danh quốc gia" "National identifier",
            /// Where a cell is; only for cells.
            cell_type: CellType, "Loại hình chi bộ" "Type of cell",
            /// The state of the unit.
            state: UnitState, "Trạng thái" "State",
            /// When it was established.
            established_on: Date, "Ngày thành lập" "Established on",
            /// When it was dissolved; required when it is.
            dissolved_on: Date, "Ngày giải thể" "Dissolved on",
            /// Address.
            address: Text, "Địa chỉ" "Address",
            /// Notes of the office.
            notes: Text<2000> = Internal, "Ghi chú" "Notes",
        }
        managed {}
        groups {
            general "Thông tin chung" "General": name, short_name, kind, cell_type, parent_id, parent_since, code, national_identifier;
            activity "Hoạt động" "Activity": state, established_on, dissolved_on, address, notes;
        }
        sample {
            create: {
                "parent_id": "ext:demo:cell-01", "name": "Tổ đảng số 1", "kind": "party_group", "notes": "Họp vào tối thứ sáu.",
            },
            change: { "address": "Số 12 đường Lê Lợi" },
        }
    }
}

filters! {
    UnitFilter of Unit {
        /// Of one of these kinds.
        kind: Vec<UnitKind>,
        /// Cells of one of these types.
        cell_type: Vec<CellType>,
        /// In one of these states.
        state: Vec<UnitState>,
        /// Directly below this unit.
        parent_id: Option<Ref<Unit>>,
        /// The chain from this unit up to the root, itself included.
        ancestors_of: Option<Ref<Unit>>,
        /// With this code.
        code: Option<String>,
    }
}
