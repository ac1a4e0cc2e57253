//! `assignment`: a task that a member was given (docs/DOMAIN.md, Assignments).

use crate::{Date, List, Member, Ref, Text, codes, filters, record};

codes! {
    /// What a task was chosen to suit.
    pub open enum SuitedTo = "suited_to" {
        Ability = "ability" "Năng lực" "Ability";
        Strength = "strength" "Sở trường" "Strength";
        Health = "health" "Sức khỏe" "Health";
    }
}

codes! {
    /// How far something was done.
    pub open enum TaskResult = "task_result" {
        Done = "done" "Hoàn thành" "Done";
        Partly = "partly" "Hoàn thành một phần" "Partly";
        NotDone = "not_done" "Chưa hoàn thành" "Not done";
    }
}

record! {
    /// One concrete task of a member. `unit_id` is the cell where the member counts when it is made.
    Assignment, AssignmentCreate, AssignmentUpdate = "assignment" in "assignments", "Phân công nhiệm vụ" "Assignment" "Assignments",
    Personal, downward: false, display: [title, member_id] {
        required {
            /// Whose task it is.
            member_id: Ref<Member>, "Đảng viên" "Member",
            /// The task.
            title: Text<300>, "Nhiệm vụ" "Task",
            /// First day.
            from: Date, "Thực hiện từ ngày" "From",
        }
        optional {
            /// First day that no longer counts; absent while it runs.
            to: Date, "Kết thúc trước ngày" "Until",
            /// Whether it is the member's primary task: there is one at a time.
            primary: bool, "Nhiệm vụ chính" "Primary task",
            /// What in the member it suits, each once.
            suited_to: List<SuitedTo, 3>, "Phù hợp với" "Suited to",
            /// How far it was done.
            result: TaskResult, "Kết quả thực hiện" "Result",
            /// What was done, what was not.
            result_note: Text<1000>, "Nhận xét kết quả" "Comment on the result",
        }
        managed {}
        groups {
            task "Nhiệm vụ" "Task": member_id, title, primary, suited_to, from, to;
            result "Kết quả" "Result": result, result_note;
        }
        sample {
            create: {
                "member_id": "ext:demo:member-0001", "title": "Phụ trách công tác khuyến học",
                "primary": false, "suited_to": ["ability", "health"], "from": "2014-01-01",
            },
            change: { "result": "done" },
        }
    }
}

filters! {
    AssignmentFilter of Assignment {
        /// Of this member.
        member_id: Option<Ref<Member>>,
        /// Running on this day.
        at: Option<Date>,
        /// Whether it is the primary task.
        primary: Option<bool>,
        /// With one of these results.
        result: Vec<TaskResult>,
    }
}
