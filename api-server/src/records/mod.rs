//! The record types: one slice a file. A slice says which columns its type has, its filters and sorts, and its
//! rules; `store/registry.rs` lists them. `evaluation.rs` is what the two types of results share.

mod admission;
mod assignment;
mod award;
mod cadre_plan;
mod cadre_plan_entry;
mod confidence_vote;
mod course;
mod disciplinary_action;
mod enrolment;
mod evaluation;
mod evaluation_round;
mod evaluation_scheme;
mod exemption;
mod member;
mod member_evaluation;
mod pledge;
mod position;
mod protection_review;
mod reported_figure;
mod residence_link;
mod role_model;
mod subject;
mod term;
mod transfer;
mod unit;
mod unit_evaluation;

#[cfg(test)]
mod tests {
    use crate::store::rules::Slice;
    use cell_records_types::filters::{Filtered, Filters};
    use cell_records_types::*;

    macro_rules! compare {
        ($($name:ident,)+) => { $(
            let served: Vec<&str> = <$name as Slice>::FILTERS.iter().map(|filter| filter.name).collect();
            assert_eq!(<$name as Filtered>::Filters::NAMES, served, "{}", $name::NAME);
        )+ };
    }

    #[test]
    fn the_client_has_the_filters_of_every_type_in_the_same_order() {
        record_types!(compare);
    }
}
