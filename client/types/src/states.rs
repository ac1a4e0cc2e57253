//! States: what a record of some types goes through, one step at a time, by `POST /v1/{types}/{id}/advance`. Which moves
//! there are, and whose they are, `GET /v1/record_types` says.

use crate::member::MemberCreate;
use crate::{Date, RecordType, Text};
use serde::Serialize;

/// Most steps of a record: `List<…, 40>`. The last one is kept for a step to a state that no move leaves.
pub const MAX_STEPS: usize = 40;

/// A record type whose records have a state. Declared by [`states!`](crate::states!).
pub trait Stated: RecordType {
    /// Its states, the first one first.
    type State: Serialize + Clone + Send + Sync;

    /// The day of the last step, when that is known.
    fn since(&self) -> Option<Date>;
}

/// A move of a record to another state.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(bound = "")]
#[cfg_attr(not(feature = "build-answers"), non_exhaustive)]
pub struct Advance<T: Stated> {
    /// The state to move to.
    pub to: T::State,
    /// The day of the step; today when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<Date>,
    /// Why: some moves need it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text<1000>>,
    /// Other fields of the record that change with the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<T::Update>,
    /// The member that the move makes, where it makes one of what the body says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<Box<MemberCreate>>,
}

impl<T: Stated> Advance<T> {
    /// A move to this state, today.
    pub fn to(state: T::State) -> Self {
        Advance { to: state, on: None, reason: None, fields: None, member: None }
    }
}

/// Declares the states of a record type, with their codes and labels, the state that a record begins with first, and the step
/// that a record remembers of each. The record declares the fields `state` (`managed`), `state_reason` (`optional_managed`) and
/// `steps` (`optional`).
#[macro_export]
macro_rules! states {
    ($(#[doc = $doc:literal])* pub enum $state:ident = $list:literal, step $step:ident of $record:ident {
        $first:ident = $first_code:tt $first_vi:literal $first_en:literal;
        $($variant:ident = $code:tt $vi:literal $en:literal;)+
    }) => {
        $crate::codes! {
            $(#[doc = $doc])*
            pub open enum $state = $list {
                $first = $first_code $first_vi $first_en;
                $($variant = $code $vi $en;)+
            }
        }

        impl Default for $state {
            fn default() -> Self {
                $state::$first
            }
        }

        $crate::object! {
            /// A step: the state that began, and when.
            pub struct $step {
                required {
                    /// The state that began.
                    state: $state, "Trạng thái" "State",
                    /// The day of the step.
                    on: $crate::Date, "Ngày" "On",
                }
                optional {}
            }
        }

        impl $crate::states::Stated for $record {
            type State = $state;

            fn since(&self) -> Option<$crate::Date> {
                self.steps.as_ref().and_then(|steps| steps.last()).map(|step| step.on)
            }
        }
    };
}
