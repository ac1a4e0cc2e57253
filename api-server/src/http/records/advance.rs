//! `POST /v1/{types}/{id}/advance`: the step of a record to another state. A move that makes or changes a member is one set of
//! two writes, both done or none.

use super::collection::Collection;
use super::{find, of_path, write};
use crate::auth::caller::Who;
use crate::error::{self, ApiError, ApiResult};
use crate::http::body::JsonBody;
use crate::state::App;
use crate::store::items::{Expected, Item, Step};
use crate::store::moves::{self, MEMBER_ID, MemberWrite, Move, Moved};
use crate::store::registry::Kind;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};
use cell_records_types::faults::{self, Fault, Report};
use cell_records_types::fields::Field;
use cell_records_types::phrases;
use cell_records_types::sync::PushOp;
use cell_records_types::{Date, Member, RecordType, Reference, Text};
use serde_json::{Map, Value};

/// What pointers of faults of the record's fields begin with.
const FIELDS: &str = "/fields";
/// The same of the member.
const MEMBER: &str = "/member";
/// The name by which the record refers to the member that is made with its step.
const REFERENCE: &str = "member";

/// The body of a step.
struct Form {
    to: String,
    on: Option<Date>,
    reason: Option<String>,
    fields: Map<String, Value>,
    member: Option<Map<String, Value>>,
}

/// `POST /v1/{types}/{id}/advance`
pub async fn advance(
    Collection { kind, mut who }: Collection,
    app: App,
    path: Path<String>,
    request: HttpRequest,
    body: Result<JsonBody, ApiError>,
) -> ApiResult<HttpResponse> {
    let read = body.and_then(|body| Form::read(kind, body.object()?).map(|form| (body, form)));
    let (body, form) = match read {
        Ok(read) => read,
        Err(error) => return Err(write::after_rights(&app, &mut who, kind, &path, error).await),
    };
    let expected = write::expected(&app, &mut who, kind, &path, &request).await?;
    if expected == Expected::Missing {
        let missing = ApiError::new(&error::PRECONDITION_REQUIRED);
        return Err(write::after_rights(&app, &mut who, kind, &path, missing).await);
    }
    let items = items(&app, &mut who, kind, &path, expected, form).await?;
    write::submit(&app, &who, &request, items, &body).await
}

impl Form {
    fn read(kind: &Kind, mut body: Map<String, Value>) -> ApiResult<Self> {
        let mut report = Report::default();
        let mut take = |name: &str, check: &dyn Fn(&mut Value, &mut Report)| {
            let mut value = body.remove(name).filter(|value| !value.is_null())?;
            let before = report.faults.len();
            report.within(name, |report| check(&mut value, report));
            (report.faults.len() == before).then_some(value)
        };
        let object = |value: &mut Value, report: &mut Report| {
            if !value.is_object() {
                report.fault_about(&faults::WRONG_TYPE, &phrases::OBJECT);
            }
        };
        let state = kind.field("state").map(|spec| spec.check);
        let is_sent = |value: Option<Value>| match value {
            Some(Value::Object(map)) => Some(map),
            _ => None,
        };
        let named = body_text(take("to", &|value, report| {
            if let Some(check) = state {
                check(value, report);
            }
        }));
        let on = body_text(take("on", &Date::check)).and_then(|day| day.parse().ok());
        let reason = body_text(take("reason", &Text::<1000>::check));
        let fields = is_sent(take("fields", &object)).unwrap_or_default();
        let takes_member = kind.moves.iter().any(Move::needs_body);
        let member = if takes_member { is_sent(take("member", &object)) } else { None };
        for name in body.keys() {
            report.fault_at(name, &faults::UNKNOWN_FIELD);
        }
        if named.is_none() && !report.faults.iter().any(|fault| fault.pointer == "/to") {
            report.fault_at("to", &faults::REQUIRED);
        }
        match named {
            Some(to) if report.faults.is_empty() => Ok(Form { to, on, reason, fields, member }),
            _ => Err(ApiError::invalid(report.faults)),
        }
    }
}

fn body_text(value: Option<Value>) -> Option<String> {
    match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// The writes of a step, that of the record first.
async fn items(
    app: &App,
    who: &mut Who,
    kind: &'static Kind,
    path: &str,
    expected: Expected,
    form: Form,
) -> ApiResult<Vec<Item>> {
    let Form { to, on, reason, fields, member } = form;
    let step = Step { to, on, reason, sets: &[], with_member: false };
    let record = |expected, fields, step| {
        let item = Item::new(kind, PushOp::Update, Some(write::target(path)?), expected, fields, FIELDS);
        Ok::<_, ApiError>(Item { step: Some(step), ..item })
    };
    let concerns_a_member = kind.moves.iter().any(|one| one.to == step.to && one.member.is_some());
    if !concerns_a_member && member.is_none() {
        return Ok(vec![record(expected, fields, step)?]);
    }
    // What happens to the member follows from the record as it is; the writer refuses the step of another version.
    let stored = of_path(app, who, kind, path).await?;
    let is_other = matches!(expected, Expected::Exactly(version) if version != stored.version);
    let mut after = stored.fields().0;
    let from = moves::text(&after, "state").unwrap_or_default().to_owned();
    let about = moves::text(&after, MEMBER_ID).and_then(|id| id.parse().ok());
    for (name, value) in &fields {
        if value.is_null() {
            after.remove(name)
        } else {
            after.insert(name.clone(), value.clone())
        };
    }
    let found = moves::find(kind, &from, &step.to, &after);
    if member.is_some() && found.is_some_and(|found| !found.needs_body()) {
        let surplus = ApiError::fault(MEMBER, &faults::UNKNOWN_FIELD);
        return Err(write::after_rights(app, who, kind, path, surplus).await);
    }
    // Who may not make it is refused for that, whatever it would do to the member.
    let may = |found: &&Move| !is_other && who.scope.holds(stored.unit_id, |role| found.by.contains(role));
    let Some((found, of_member)) = found.filter(may).and_then(|found| Some((found, found.member?))) else {
        return Ok(vec![record(expected, fields, step)?]);
    };
    // Who does not read all of the record cannot hand it on.
    let all = kind.fields.iter().map(|field| field.class).max();
    if who.scope.reads(kind, stored.unit_id) < all {
        return Err(ApiError::forbidden(&format!("{}:advance", kind.name)));
    }
    let on = step.on.unwrap_or_else(|| who.view.now.date_in_vietnam());
    // The member that the record is about, where the caller sees it.
    let subject = match about {
        Some(id) => find(app, who, members()?, id).await?,
        None => None,
    };
    let known = subject.as_ref().map(|member| member.fields().0);
    let body = member.unwrap_or_default();
    let moved = Moved { unit: stored.unit_id, fields: &after, on, body: body.clone(), member: known.as_ref() };
    let written = (of_member.write)(&moved);
    let surplus = surplus(found, &fields, &body, written.as_ref());
    if !surplus.is_empty() {
        return Err(write::after_rights(app, who, kind, path, ApiError::invalid(surplus)).await);
    }
    let step = Step { on: Some(on), sets: found.sets(), with_member: true, ..step };
    let mut fields = fields;
    fields.extend(
        found.clears.iter().filter(|name| after.contains_key(**name)).map(|name| ((*name).into(), Value::Null)),
    );
    let expected = Expected::Exactly(stored.version);
    Ok(match written {
        None => vec![record(expected, fields, step)?],
        Some(MemberWrite::Create(mut body)) => {
            fields.insert(MEMBER_ID.into(), format!("ref:{REFERENCE}").into());
            let id = write::own_id(&mut body, MEMBER)?;
            let item = Item::new(members()?, PushOp::Create, id, Expected::Any, body, MEMBER);
            vec![record(expected, fields, step)?, Item { name: Some(REFERENCE.into()), ..item }]
        }
        Some(MemberWrite::Update(body)) => {
            // What is written may follow from what the member is.
            let version = subject.map_or(Expected::Any, |member| Expected::Exactly(member.version));
            let id = about.map(Reference::Id);
            vec![record(expected, fields, step)?, Item::new(members()?, PushOp::Update, id, version, body, MEMBER)]
        }
    })
}

fn members() -> ApiResult<&'static Kind> {
    Kind::named(Member::NAME).ok_or_else(|| ApiError::new(&error::INTERNAL))
}

/// What was sent and is set by the move itself, of the record and of the member that is made.
fn surplus(
    found: &Move,
    fields: &Map<String, Value>,
    body: &Map<String, Value>,
    written: Option<&MemberWrite>,
) -> Vec<Fault> {
    let made = match written {
        Some(MemberWrite::Create(made)) => made,
        _ => &Map::new(),
    };
    // A member is made where the record is.
    let place = (!made.is_empty()).then_some(&"unit_id");
    let of_record = found.sets().iter().chain(place).filter(|name| fields.contains_key(**name));
    let of_record = of_record.map(|name| format!("{FIELDS}/{name}"));
    let of_member =
        body.iter().filter(|(name, value)| made.get(*name) != Some(value)).map(|(name, _)| format!("{MEMBER}/{name}"));
    of_record.chain(of_member).map(|pointer| Fault::new(pointer, &faults::READ_ONLY)).collect()
}
