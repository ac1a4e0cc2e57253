//! A year of a ward, played through the client: a candidate becomes an official member, members come and go, one is exempt, a
//! plan is approved and filled. After each step the copies of three systems, of the ward, of one cell and of the province, are
//! what each may see.

use crate::support::copies::{Puller, held};
use crate::support::on_both_engines;
use cell_records_client::types::accounts::Role;
use cell_records_client::types::states::{Advance, Stated};
use cell_records_client::types::*;
use cell_records_client::{Client, Tagged};

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

/// A step on a day.
fn step<T: Stated>(to: T::State, on: &str) -> Advance<T> {
    Advance { on: Some(day(on)), ..Advance::to(to) }
}

async fn advance<T: Stated>(caller: &Client, record: &mut Tagged<T>, id: Uuid, step: Advance<T>) {
    *record = caller.records::<T>().advance(id, &record.etag, &step).await.unwrap();
}

on_both_engines! {
    async fn after_each_step_of_a_year_three_copies_are_what_each_may_see(server: empty) {
        let ward = server.ward().await;
        let [whole, a, b] = [&ward.ward, &ward.a, &ward.b].map(|unit| unit.parse::<Uuid>().unwrap());
        let office = server.user("office", &[(Role::CommitteeOffice, whole.into())]).await.1;
        let lead = server.user("lead", &[(Role::CommitteeLead, whole.into())]).await.1;
        let cell = server.user("cell", &[(Role::CellSecretary, a.into())]).await.1;
        let province = server.peer("province", &[(Role::ExchangePeer, whole.into())]).await.client;
        let mut copies = [("ward", office.clone()), ("cell", cell.clone()), ("province", province.clone())].map(|(name, client)| (name, Puller::new(client)));
        macro_rules! copies_are_right {
            () => { for (name, copy) in &mut copies { copy.assert_equal(name).await; } };
        }
        copies_are_right!();

        // A candidate is listed and attends the class of Party awareness.
        let [anna, binh] = [ward.member(&ward.a).await, ward.member(&ward.a).await].map(|id| id.parse::<Uuid>().unwrap());
        let birth: PartialDate = "1995-05-19".parse().unwrap();
        let mut admission = cell.records::<Admission>().create(&AdmissionCreate {
            unit_id: Some(a.into()),
            steps: Some(vec![AdmissionStep::new(AdmissionState::Listed, day("2024-10-01"))].into()),
            application_on: Some(day("2024-10-05")),
            introducers: Some(vec![Introducer { member_id: Some(anna.into()), ..Introducer::new("Nguyễn Văn An") }].into()),
            phone: Some("+84912345678".into()),
            ..AdmissionCreate::new("Phạm Thị Hoa", Sex::Female, birth)
        }).await.unwrap();
        let candidate = admission.record.id;
        let course = |kind: CourseKind, on: &str| CourseCreate { unit_id: Some(whole.into()), to: Some(day(on).plus_days(5)), ..CourseCreate::new("Lớp bồi dưỡng", kind, day(on)) };
        let class = office.records::<Course>().create(&course(CourseKind::Awareness, "2024-10-14")).await.unwrap().record.id;
        let enrolled = office.records::<Enrolment>().create(&EnrolmentCreate { admission_id: Some(candidate.into()), ..EnrolmentCreate::new(class) }).await.unwrap();
        assert_eq!(enrolled.record.unit_id, a);
        copies_are_right!();
        let passed = EnrolmentUpdate { result: Some(Some(EnrolmentResult::Passed)), certificate_on: Some(Some(day("2024-10-18"))), ..EnrolmentUpdate::default() };
        province.records::<Enrolment>().update(enrolled.record.id, &enrolled.etag, &passed).await.unwrap();
        copies_are_right!();

        // Proposed, decided, admitted: a member on probation.
        let early = cell.records::<Admission>().advance(candidate, &admission.etag, &step(AdmissionState::CellProposed, "2024-11-05")).await.unwrap_err();
        assert_eq!(early.status(), Some(422), "{early}");
        let verified = AdmissionUpdate { profile_verified_on: Some(Some(day("2024-11-01"))), ..AdmissionUpdate::default() };
        advance(&cell, &mut admission, candidate, Advance { fields: Some(verified), ..step(AdmissionState::CellProposed, "2024-11-05") }).await;
        let review = ProtectionReviewCreate {
            admission_id: Some(candidate.into()), reviewed_on: Some(day("2024-11-12")), result: Some(ProtectionResult::Cleared),
            ..ProtectionReviewCreate::new(ProtectionOccasion::Admission, day("2024-11-06"))
        };
        office.records::<ProtectionReview>().create(&review).await.unwrap();
        copies_are_right!();
        advance(&lead, &mut admission, candidate, step(AdmissionState::CommitteeProposed, "2024-11-15")).await;
        let decided = AdmissionUpdate { decision_number: Some(Some("412-QĐ/ThU".into())), decision_on: Some(Some(day("2024-12-20"))), ..AdmissionUpdate::default() };
        advance(&lead, &mut admission, candidate, Advance { fields: Some(decided), ..step(AdmissionState::Approved, "2024-12-20") }).await;
        admission = office.records::<Admission>().get(candidate).await.unwrap();
        let ceremony = AdmissionUpdate { ceremony_on: Some(Some(day("2025-01-06"))), ..AdmissionUpdate::default() };
        advance(&office, &mut admission, candidate, Advance { fields: Some(ceremony), ..step(AdmissionState::Admitted, "2025-01-06") }).await;
        let hoa = admission.record.member_id.as_ref().unwrap().id().unwrap();
        assert_eq!((admission.record.phone.as_ref(), admission.record.probation_ends_on), (None, Some(day("2026-01-06"))));
        let undated = AdmissionUpdate { ceremony_on: Some(None), ..AdmissionUpdate::default() };
        let undated = office.records::<Admission>().update(candidate, &admission.etag, &undated).await.unwrap_err();
        assert_eq!(undated.status(), Some(422), "{undated}");
        let member = office.records::<Member>().get(hoa).await.unwrap().record;
        assert_eq!((member.unit_id, member.status, member.phone.as_deref()), (a, Some(MemberStatus::Probationary), Some("+84912345678")));
        copies_are_right!();

        // The class for new members, and recognised as official.
        let class = office.records::<Course>().create(&course(CourseKind::NewMember, "2025-06-02")).await.unwrap().record.id;
        let passed = EnrolmentCreate { member_id: Some(hoa.into()), result: Some(EnrolmentResult::Passed), ..EnrolmentCreate::new(class) };
        province.records::<Enrolment>().create(&passed).await.unwrap();
        admission = cell.records::<Admission>().get(candidate).await.unwrap();
        advance(&cell, &mut admission, candidate, step(AdmissionState::RecognitionProposed, "2026-01-07")).await;
        admission = office.records::<Admission>().get(candidate).await.unwrap();
        advance(&office, &mut admission, candidate, step(AdmissionState::Recognised, "2026-01-12")).await;
        let member = office.records::<Member>().get(hoa).await.unwrap().record;
        assert_eq!((member.status, member.official_date), (Some(MemberStatus::Official), Some(day("2026-01-06"))));
        copies_are_right!();

        // One comes from elsewhere, one moves to the other cell and then out.
        let coming = TransferCreate {
            unit_id: Some(b.into()), full_name: Some("Lê Văn Cường".into()), birth_date: Some(birth), elsewhere: Some("Đảng bộ huyện Nghi Lộc".into()),
            letter_date: Some(day("2025-03-03")), steps: Some(vec![TransferStep::new(TransferState::LetterIssued, day("2025-03-03"))].into()),
            ..TransferCreate::new(TransferKind::In, TransferReason::Job)
        };
        let mut transfer = province.records::<Transfer>().create(&coming).await.unwrap();
        let id = transfer.record.id;
        copies_are_right!();
        transfer = office.records::<Transfer>().get(id).await.unwrap();
        let cuong = MemberCreate { status: Some(MemberStatus::Official), official_date: Some(day("2017-01-10")), ..MemberCreate::new("Lê Văn Cường", Sex::Male, birth, day("2016-01-10")) };
        advance(&office, &mut transfer, id, Advance { member: Some(Box::new(cuong)), ..step(TransferState::Completed, "2025-03-10") }).await;
        assert!(transfer.record.member_id.is_some());
        copies_are_right!();
        let going = |kind: TransferKind, unit: Uuid| TransferCreate {
            member_id: Some(binh.into()), unit_id: Some(unit.into()), steps: Some(vec![TransferStep::new(TransferState::Requested, day("2025-04-01"))].into()),
            ..TransferCreate::new(kind, TransferReason::Residence)
        };
        let letter = |on: &str| TransferUpdate { letter_date: Some(Some(day(on))), ..TransferUpdate::default() };
        let inside = TransferCreate { to_unit_id: Some(b.into()), ..going(TransferKind::Internal, a) };
        let mut transfer = office.records::<Transfer>().create(&inside).await.unwrap();
        let id = transfer.record.id;
        advance(&office, &mut transfer, id, Advance { fields: Some(letter("2025-04-03")), ..step(TransferState::LetterIssued, "2025-04-03") }).await;
        copies_are_right!();
        advance(&office, &mut transfer, id, step(TransferState::Completed, "2025-04-10")).await;
        assert_eq!(office.records::<Member>().get(binh).await.unwrap().record.unit_id, b);
        copies_are_right!();
        let outside = TransferCreate { elsewhere: Some("Đảng bộ phường Lê Mao".into()), steps: None, ..going(TransferKind::Out, b) };
        let mut transfer = office.records::<Transfer>().create(&outside).await.unwrap();
        let id = transfer.record.id;
        advance(&office, &mut transfer, id, Advance { fields: Some(letter("2025-09-01")), ..Advance::to(TransferState::LetterIssued) }).await;
        advance(&office, &mut transfer, id, Advance::to(TransferState::Completed)).await;
        assert_eq!(office.records::<Member>().get(binh).await.unwrap().record.status, Some(MemberStatus::TransferredOut));
        copies_are_right!();

        // An exemption is granted, reviewed and ended.
        let asked = ExemptionCreate {
            reason_code: Some(ExemptionReason::WeakHealth), steps: Some(vec![ExemptionStep::new(ExemptionState::Requested, day("2025-02-01"))].into()),
            ..ExemptionCreate::new(anna)
        };
        let mut exemption = cell.records::<Exemption>().create(&asked).await.unwrap();
        let id = exemption.record.id;
        advance(&cell, &mut exemption, id, step(ExemptionState::Granted, "2025-02-10")).await;
        assert_eq!((exemption.record.from, exemption.record.review_due_on), (Some(day("2025-02-10")), Some(day("2026-02-10"))));
        copies_are_right!();
        let reviewed = ExemptionUpdate { reviewed_on: Some(Some(vec![day("2026-02-02")].into())), ..ExemptionUpdate::default() };
        exemption = cell.records::<Exemption>().update(id, &exemption.etag, &reviewed).await.unwrap();
        assert_eq!(exemption.record.review_due_on, Some(day("2027-02-02")));
        advance(&cell, &mut exemption, id, step(ExemptionState::Ended, "2026-06-01")).await;
        assert_eq!((exemption.record.to, exemption.record.review_due_on), (Some(day("2026-06-01")), None));
        copies_are_right!();

        // A plan is approved, and filled.
        let plan = CadrePlanCreate {
            unit_id: Some(whole.into()), steps: Some(vec![CadrePlanStep::new(CadrePlanState::Draft, day("2025-05-01"))].into()),
            ..CadrePlanCreate::new("2025–2030", CadrePlanKind::Initial, day("2025-06-30"))
        };
        let mut plan = office.records::<CadrePlan>().create(&plan).await.unwrap();
        let id = plan.record.id;
        let entry = office.records::<CadrePlanEntry>().create(&CadrePlanEntryCreate::new(id, hoa, PositionCode::CellDeputySecretary)).await.unwrap();
        assert_eq!((entry.record.unit_id, entry.record.sex.clone()), (whole, Some(Sex::Female)));
        copies_are_right!();
        advance(&office, &mut plan, id, step(CadrePlanState::StandingReviewed, "2025-07-01")).await;
        advance(&lead, &mut plan, id, step(CadrePlanState::ExecutiveReviewed, "2025-07-15")).await;
        assert_eq!(office.records::<CadrePlan>().advance(id, &plan.etag, &step(CadrePlanState::Approved, "2025-08-01")).await.unwrap_err().status(), Some(403));
        advance(&lead, &mut plan, id, step(CadrePlanState::Approved, "2025-08-01")).await;
        let position = PositionCreate { unit_id: Some(a.into()), ..PositionCreate::new(hoa, PositionCode::CellDeputySecretary, day("2026-03-01"), PositionBasis::Elected) };
        let position = office.records::<Position>().create(&position).await.unwrap().record.id;
        let filled = CadrePlanEntryUpdate { position_id: Some(Some(position.into())), ..CadrePlanEntryUpdate::default() };
        let entry = office.records::<CadrePlanEntry>().update(entry.record.id, &entry.etag, &filled).await.unwrap();
        assert_eq!(entry.record.position_id.as_ref().and_then(|position| position.id()), Some(position));
        copies_are_right!();

        // What each has, and has not.
        let has = |name: &str, kind: &str| copies.iter().any(|(whose, copy)| *whose == name && held(&copy.store).keys().any(|(of, _)| *of == kind));
        for kind in ["member", "course", "transfer", "enrolment", "position"] {
            assert!(["ward", "cell", "province"].iter().all(|whose| has(whose, kind)), "{kind}");
        }
        for kind in ["admission", "exemption"] {
            assert!(has("ward", kind) && has("cell", kind) && !has("province", kind), "{kind}");
        }
        assert!(has("ward", "protection_review") && !has("cell", "protection_review") && !has("province", "protection_review"));
        assert!(has("ward", "cadre_plan_entry") && !has("cell", "cadre_plan_entry") && has("province", "cadre_plan_entry"));
    }
}
