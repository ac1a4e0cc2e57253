//! What the service says of its record types, the same for every caller: made once, of the registry and of the schemas of
//! the API document. What the caller may do is added by each answer ([`super::types`]).

use crate::store::filter::{Filter, Takes};
use crate::store::moves::{MemberChange, Move};
use crate::store::policy::{self, Rights};
use crate::store::registry::{COMMON_SORTS, KINDS, Kind, Sort, UNIT};
use cell_records_types::accounts::Role;
use cell_records_types::fields::{Choice, Part, Shape};
use cell_records_types::metadata::{
    FieldInfo, FilterInfo, GroupInfo, MoveInfo, OptionsInfo, PartInfo, RecordTypeInfo, SortInfo, ValueInfo, ValueType,
    VerbInfo, WhenInfo,
};
use cell_records_types::record::{ENVELOPE, Group};
use cell_records_types::{Date, Label, Text, TypeInfo};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::openapi::{RefOr, Schema};

/// The group of the fields that every record has.
const ENVELOPE_GROUP: Group = Group { name: "record", label: Label { vi: "Bản ghi", en: "Record" }, fields: &[] };
/// Longer texts may have several lines.
const LONGEST_LINE: usize = 500;

/// The record types, in the order of the registry, with nobody's rights. Each is made when it is asked for: its schemas
/// are large.
pub fn record_types(components: &BTreeMap<String, RefOr<Schema>>) -> impl Iterator<Item = RecordTypeInfo> {
    KINDS.iter().map(|kind| record_type(kind, &Schemas(components)))
}

fn record_type(kind: &'static Kind, schemas: &Schemas<'_>) -> RecordTypeInfo {
    let [schema, create_schema, update_schema] = kind.schema_names().map(|name| schemas.standalone(&name));
    let groups = TypeInfo::named(kind.name).map_or(&[][..], |one| one.groups);
    let owned = |text: &str| text.to_owned();
    RecordTypeInfo {
        name: owned(kind.name),
        collection: format!("/v1/{}", kind.plural),
        label_vi: owned(kind.label.vi),
        label_en: owned(kind.label.en),
        label_plural_en: owned(kind.label_plural.en),
        description: description(&schema),
        class: owned(kind.class.code()),
        downward: kind.downward,
        display: kind.display.iter().copied().map(owned).collect(),
        groups: groups.iter().chain([&ENVELOPE_GROUP]).map(group).collect(),
        fields: fields(kind, groups, &schema, &create_schema),
        filters: kind.filters.iter().map(|one| filter(kind, one)).collect(),
        sorts: sorts(kind),
        search: kind.search.map(|search| search.field.into()),
        verbs: verbs(kind, schemas),
        schema,
        create_schema,
        update_schema,
    }
}

fn group(group: &Group) -> GroupInfo {
    GroupInfo { name: group.name.into(), label_vi: group.label.vi.into(), label_en: group.label.en.into() }
}

/// The fields in the order of the form: the unit, the groups, what no group names, and the envelope.
fn fields(kind: &'static Kind, groups: &[Group], schema: &Value, create: &Value) -> Vec<FieldInfo> {
    let (first, last) = (groups.first().unwrap_or(&ENVELOPE_GROUP), groups.last().unwrap_or(&ENVELOPE_GROUP));
    let grouped = groups.iter().flat_map(|group| group.fields.iter().map(move |name| (*name, group)));
    let is_grouped = |name: &str| groups.iter().any(|group| group.fields.contains(&name));
    let rest = kind.fields.iter().map(|field| field.name).filter(|name| !is_grouped(name));
    // The unit of a unit is the unit itself, which nobody fills in.
    let (above, below) = if kind.order == UNIT.order { (None, Some("unit_id")) } else { (Some("unit_id"), None) };
    let envelope = ENVELOPE.iter().map(|field| field.name).filter(|name| *name != "unit_id");
    let order = above
        .map(|name| (name, first))
        .into_iter()
        .chain(grouped)
        .chain(rest.map(|name| (name, last)))
        .chain(below.into_iter().chain(envelope).map(|name| (name, &ENVELOPE_GROUP)));
    let required = |name: &str| create["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
    let field = |(index, (name, group)): (usize, (&'static str, &Group))| {
        let (spec, schema) = (kind.any_field(name)?, property(schema, name));
        let default = kind.defaults.iter().find(|(field, _)| *field == name).map(|(_, value)| value);
        Some(FieldInfo {
            name: name.into(),
            label_vi: spec.label.vi.into(),
            label_en: spec.label.en.into(),
            description: description(schema),
            order: u32::try_from(index + 1).unwrap_or(u32::MAX),
            group: group.name.into(),
            class: spec.class.max(kind.class).code().into(),
            required: required(name),
            fixed: kind.is_fixed(name),
            managed: spec.managed || below == Some(name),
            default: default.and_then(|value| serde_json::from_str((*value)?).ok()),
            computed: default.is_some_and(Option::is_none),
            value: value(kind, &spec.shape, schema),
            readable_in: Vec::new(),
            writable_in: Vec::new(),
        })
    };
    order.enumerate().filter_map(field).collect()
}

fn description(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().to_owned()
}

/// The schema of a property of an object.
fn property<'a>(schema: &'a Value, name: &str) -> &'a Value {
    schema.get("properties").and_then(|all| all.get(name)).unwrap_or(&Value::Null)
}

fn part(kind: &'static Kind, part: &Part, schema: &Value) -> PartInfo {
    let its = property(schema, part.name);
    PartInfo {
        name: part.name.into(),
        label_vi: part.label.vi.into(),
        label_en: part.label.en.into(),
        description: description(its),
        required: part.required,
        value: value(kind, &part.shape, its),
    }
}

/// What values of a shape look like in records of a type. Their schema has the descriptions of their parts.
fn value(kind: &'static Kind, shape: &Shape, schema: &Value) -> ValueInfo {
    let small = |size: usize| Some(u32::try_from(size).unwrap_or(u32::MAX));
    let of = |value: ValueType| ValueInfo {
        kind: value,
        max_length: None,
        multiline: false,
        pattern: None,
        minimum: None,
        maximum: None,
        code_list: None,
        options: None,
        refers_to: None,
        fields: Vec::new(),
        items: None,
        max_items: None,
    };
    match *shape {
        Shape::Text(most) => {
            ValueInfo { max_length: small(most), multiline: most > LONGEST_LINE, ..of(ValueType::Text) }
        }
        Shape::Form(pattern) => ValueInfo { pattern: Some(pattern.into()), ..of(ValueType::Text) },
        Shape::Integer(low, high) => ValueInfo { minimum: Some(low), maximum: Some(high), ..of(ValueType::Integer) },
        Shape::Decimal => of(ValueType::Decimal),
        Shape::Flag => of(ValueType::Boolean),
        Shape::Date => of(ValueType::Date),
        Shape::PartialDate => of(ValueType::PartialDate),
        Shape::Timestamp => of(ValueType::Timestamp),
        Shape::Uuid => of(ValueType::Uuid),
        Shape::Code(list) => ValueInfo { code_list: Some(list.name.into()), ..of(ValueType::Code) },
        Shape::Choice(choice) => ValueInfo { options: options(kind, choice), ..of(ValueType::Code) },
        Shape::Reference(target) => ValueInfo { refers_to: Some(target.into()), ..of(ValueType::Reference) },
        Shape::Object(parts) => {
            ValueInfo { fields: parts.iter().map(|one| part(kind, one, schema)).collect(), ..of(ValueType::Object) }
        }
        Shape::List { of: item, most } => {
            let items = Some(Box::new(value(kind, item, &schema["items"])));
            ValueInfo { items, max_items: small(most), ..of(ValueType::List) }
        }
        Shape::Names(values) => {
            let items = Some(Box::new(value(kind, values, &schema["additionalProperties"])));
            ValueInfo { items, ..of(ValueType::Names) }
        }
    }
}

/// Where a code is chosen from, as it is found from records of a type.
fn options(kind: &'static Kind, choice: &Choice) -> Option<OptionsInfo> {
    Some(OptionsInfo {
        from: way(kind, choice.of)?.into_iter().map(str::to_owned).collect(),
        list: choice.list.into(),
        code: choice.code.into(),
        label_vi: choice.label_vi.into(),
        label_en: choice.label_en.into(),
    })
}

/// The references that lead from records of a type to one of another type. Those that lead further refer to types before
/// their own.
fn way(kind: &'static Kind, to: &str) -> Option<Vec<&'static str>> {
    if kind.name == to {
        return Some(Vec::new());
    }
    kind.fields.iter().find_map(|field| {
        let Shape::Reference(target) = field.shape else { return None };
        let rest = way(Kind::named(target).filter(|target| target.order < kind.order)?, to)?;
        Some([field.name].into_iter().chain(rest).collect())
    })
}

fn filter(kind: &'static Kind, filter: &Filter) -> FilterInfo {
    let field = kind.any_field(filter.field).map_or(Label { vi: "", en: "" }, |field| field.label);
    let (label_vi, label_en) = filter.label(field);
    let takes = filter.test.takes();
    let shape = match takes {
        Takes::Codes(list) => Shape::Code(list),
        Takes::Text => Shape::Text(LONGEST_LINE),
        Takes::Reference(target) => Shape::Reference(target),
        Takes::Number => Shape::Integer(i64::MIN, i64::MAX),
        Takes::Flag => Shape::Flag,
        Takes::PartialDate => Shape::PartialDate,
        Takes::Day => Shape::Date,
        Takes::Word(word) => Shape::Form(word),
    };
    FilterInfo {
        name: filter.name.into(),
        label_vi,
        label_en,
        description: filter.test.description(),
        field: filter.field.into(),
        value: value(kind, &shape, &Value::Null),
        many: matches!(takes, Takes::Codes(_)),
        null: filter.takes_null(kind),
        negation: filter.negation(),
    }
}

fn sorts(kind: &Kind) -> Vec<SortInfo> {
    let sort = |one: &Sort| {
        let label = one.label(kind)?;
        let (label_vi, label_en, everywhere) = (label.vi.into(), label.en.into(), one.indexed);
        Some(SortInfo { name: one.name.into(), label_vi, label_en, everywhere })
    };
    kind.sorts.iter().chain(&COMMON_SORTS).filter_map(sort).collect()
}

/// What every type has, and what is its own.
fn verbs(kind: &'static Kind, schemas: &Schemas<'_>) -> Vec<VerbInfo> {
    let verb = |name: &str, label: Label, method: &str, path: &str| VerbInfo {
        name: name.into(),
        label_vi: label.vi.into(),
        label_en: label.en.into(),
        method: method.into(),
        path: format!("/v1/{}{path}", kind.plural),
        if_match: false,
        roles: roles(kind, name),
        allowed_in: Vec::new(),
        moves: Vec::new(),
        body: Vec::new(),
    };
    let of_record = |name: &str, label: Label, method: &str, path: &str| VerbInfo {
        if_match: true,
        ..verb(name, label, method, path)
    };
    let mut all = vec![
        verb("create", Label { vi: "Thêm", en: "Add" }, "POST", ""),
        of_record("update", Label { vi: "Sửa", en: "Change" }, "PATCH", "/{id}"),
        of_record("delete", Label { vi: "Xóa", en: "Delete" }, "DELETE", "/{id}"),
        verb("restore", Label { vi: "Khôi phục", en: "Restore" }, "POST", "/{id}/restore"),
    ];
    if !kind.moves.is_empty() {
        let label = Label { vi: "Chuyển trạng thái", en: "Advance" };
        let steps = kind.moves.iter().filter(|one| !one.from.is_empty());
        all.push(VerbInfo {
            moves: steps.map(move_info).collect(),
            body: step_parts(kind, &schemas.standalone(&kind.advance_name())),
            ..of_record("advance", label, "POST", "/{id}/advance")
        });
    }
    all
}

fn move_info(one: &Move) -> MoveInfo {
    let owned = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect();
    let member = one.member.map(|member| match member.change {
        MemberChange::CreateFromBody => "create_from_body",
        MemberChange::Create => "create",
        MemberChange::Update => "update",
    });
    MoveInfo {
        from: owned(one.from),
        to: one.to.into(),
        roles: one.by.iter().map(|role| role.code().to_owned()).collect(),
        allowed_in: Vec::new(),
        when: one.when.map(|when| WhenInfo { field: when.field.into(), codes: owned(when.codes) }),
        needs: owned(one.needs),
        reason: one.reason,
        member: member.map(str::to_owned),
    }
}

/// The parts of the body of a step that a form draws. What else changes with it is the fields of the record.
fn step_parts(kind: &'static Kind, schema: &Value) -> Vec<PartInfo> {
    let state = kind.field("state").map(|spec| Part {
        name: "to",
        label: Label { vi: "Chuyển sang trạng thái", en: "State to move to" },
        required: true,
        shape: spec.shape,
        check: spec.check,
    });
    let rest = [
        Part::of::<Date>("on", Label { vi: "Ngày thực hiện", en: "Day of the step" }, false),
        Part::of::<Text<1000>>("reason", Label { vi: "Lý do", en: "Reason" }, false),
    ];
    state.iter().chain(&rest).map(|one| part(kind, one, schema)).collect()
}

/// Whether somebody with these rights may do it.
pub fn allows(rights: &Rights, verb: &str) -> bool {
    match verb {
        "update" => rights.writes.is_some(),
        _ => rights.creates(),
    }
}

/// The roles that may do it with records of a type.
fn roles(kind: &Kind, verb: &str) -> Vec<String> {
    let may = |role: &&Role| policy::rights(role, kind.name).is_some_and(|rights| allows(&rights, verb));
    Role::ALL.iter().filter(may).map(|role| role.code().to_owned()).collect()
}

/// The schemas of the API document, by name.
struct Schemas<'a>(&'a BTreeMap<String, RefOr<Schema>>);

impl Schemas<'_> {
    fn named(&self, name: &str) -> Option<Value> {
        serde_json::to_value(self.0.get(name)?).ok()
    }

    /// A schema that refers to nothing outside itself.
    fn standalone(&self, name: &str) -> Value {
        let mut schema = self.named(name).map(|schema| self.inlined(schema)).unwrap_or_default();
        if let Value::Object(schema) = &mut schema {
            schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        }
        schema
    }

    /// The schema with what it refers to in place of the references. What stands beside one wins, such as the description
    /// of a field beside that of its type.
    fn inlined(&self, schema: Value) -> Value {
        match schema {
            Value::Array(all) => all.into_iter().map(|one| self.inlined(one)).collect(),
            Value::Object(map) => {
                let target = map.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
                let mut whole = match target.and_then(|name| self.named(name)).map(|schema| self.inlined(schema)) {
                    Some(Value::Object(target)) => target,
                    _ => Map::new(),
                };
                let beside = map.into_iter().filter(|(name, _)| *name != "$ref");
                whole.extend(beside.map(|(name, value)| (name, self.inlined(value))));
                Value::Object(whole)
            }
            other => other,
        }
    }
}
