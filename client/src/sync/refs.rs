//! Items of the outbox that refer to one another by `ref:<name>`: their order, and what becomes of a name once its
//! item has left the outbox.

use super::outbox::{Effect, Outcome};
use super::queue::QueuedItem;
use cell_records_types::problem::ProblemFault;
use cell_records_types::sync::{ItemResult, ItemStatus, PushItem};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The names that an item uses. The type of a field is not looked at: a newer server has others.
fn names_used(item: &PushItem) -> BTreeSet<&str> {
    fn collect<'v>(value: &'v Value, names: &mut BTreeSet<&'v str>) {
        match value {
            Value::String(text) => names.extend(text.strip_prefix("ref:")),
            Value::Array(values) => values.iter().for_each(|value| collect(value, names)),
            Value::Object(map) => map.values().for_each(|value| collect(value, names)),
            _ => {}
        }
    }
    let mut names = BTreeSet::new();
    item.fields.values().for_each(|value| collect(value, &mut names));
    names
}

/// Whether an item has a name or uses one.
pub(crate) fn is_linked(item: &PushItem) -> bool {
    item.name.is_some() || !names_used(item).is_empty()
}

/// Items in their order, but each behind those that it refers to. A circle keeps its order.
pub(crate) fn ordered(items: &[PushItem]) -> Vec<&PushItem> {
    let mut places = HashMap::new();
    for (place, item) in items.iter().enumerate() {
        if let Some(name) = item.name.as_deref() {
            // The server takes the first of a name, too.
            places.entry(name).or_insert(place);
        }
    }
    let mut before: Vec<usize> = vec![0; items.len()];
    let mut behind: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, item) in items.iter().enumerate() {
        for named in names_used(item).into_iter().filter_map(|name| places.get(name)).filter(|named| **named != place) {
            if let Some(count) = before.get_mut(place) {
                *count += 1;
            }
            behind.entry(*named).or_default().push(place);
        }
    }
    let mut ready: BTreeSet<usize> = (0..items.len()).filter(|place| before.get(*place) == Some(&0)).collect();
    let mut order = Vec::with_capacity(items.len());
    let mut taken = vec![false; items.len()];
    while let Some(place) = ready.pop_first() {
        order.push(place);
        if let Some(taken) = taken.get_mut(place) {
            *taken = true;
        }
        for next in behind.remove(&place).unwrap_or_default() {
            if let Some(count) = before.get_mut(next) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(next);
                }
            }
        }
    }
    order.extend((0..items.len()).filter(|place| taken.get(*place) == Some(&false)));
    order.into_iter().filter_map(|place| items.get(place)).collect()
}

/// What the names of settled items mean from now on, by call: a record, or nothing when the item was refused.
///
/// A store lets its waiting items follow with it when it settles a batch.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<i64, HashMap<String, Option<String>>>);

/// What an item that waits must do about it.
#[derive(Debug, Clone, PartialEq)]
pub enum Follow {
    /// Nothing.
    Stay,
    /// It changed: names in it became references to records.
    Rewritten,
    /// It cannot be sent: an item that it refers to was refused.
    Blocked(Box<ItemResult>),
}

impl Names {
    /// Takes in what became of an item.
    pub fn settled(&mut self, waiting: &QueuedItem, outcome: &Outcome) {
        let Some(name) = &waiting.item.name else { return };
        let record = match outcome {
            Outcome::Done(Effect::Put { id, .. } | Effect::Remove { id, .. }) => Some(id.to_string()),
            Outcome::Done(Effect::Nothing) => reference(&waiting.item),
            Outcome::Refused(_) => None,
            Outcome::Again => return,
        };
        self.0.entry(waiting.call).or_default().insert(name.clone(), record);
    }

    /// The calls whose waiting items may have to follow.
    pub fn calls(&self) -> impl Iterator<Item = i64> {
        self.0.keys().copied()
    }

    /// Lets a waiting item follow. Called in the order of the outbox, for what refers to a blocked item is blocked.
    pub fn follow(&mut self, waiting: &mut QueuedItem) -> Follow {
        let Some(names) = self.0.get_mut(&waiting.call) else { return Follow::Stay };
        let used: Vec<String> = names_used(&waiting.item).into_iter().map(str::to_owned).collect();
        if let Some(refused) = used.iter().find(|name| names.get(*name).is_some_and(Option::is_none)) {
            let mut result = ItemResult::new(0, ItemStatus::Blocked);
            let message = format!("The item ref:{refused} was refused.");
            result.errors = vec![ProblemFault::new("", ItemStatus::Blocked.code(), message)];
            if let Some(name) = &waiting.item.name {
                names.insert(name.clone(), None);
            }
            return Follow::Blocked(Box::new(result));
        }
        if !used.iter().any(|name| names.contains_key(name)) {
            return Follow::Stay;
        }
        waiting.item.fields.values_mut().for_each(|value| rewrite(value, names));
        Follow::Rewritten
    }
}

/// How an item names its record.
fn reference(item: &PushItem) -> Option<String> {
    let external = || item.external_ids.as_ref()?.first().map(|one| format!("ext:{}:{}", one.system, one.value));
    item.id.as_ref().map(ToString::to_string).or_else(external)
}

fn rewrite(value: &mut Value, names: &HashMap<String, Option<String>>) {
    match value {
        Value::String(text) => {
            let record = text.strip_prefix("ref:").and_then(|name| names.get(name)?.clone());
            if let Some(record) = record {
                *text = record;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| rewrite(value, names)),
        Value::Object(map) => map.values_mut().for_each(|value| rewrite(value, names)),
        _ => {}
    }
}

/// Among the blocked items of one call, in order: those that refer to an item of this name, directly or through one
/// another.
pub(crate) fn blocked_by<'a>(name: &str, blocked: impl Iterator<Item = (i64, &'a PushItem)>) -> Vec<i64> {
    let mut names = BTreeSet::from([name]);
    let mut found = Vec::new();
    for (number, item) in blocked {
        if names_used(item).iter().any(|used| names.contains(used)) {
            names.extend(item.name.as_deref());
            found.push(number);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use cell_records_types::sync::PushOp;
    use serde_json::json;

    fn item(name: &str, uses: &[&str]) -> PushItem {
        let mut item = PushItem::new(PushOp::Create, "unit");
        item.name = Some(name.to_owned());
        item.fields.insert(
            "x".to_owned(),
            json!({ "deep": uses.iter().map(|name| format!("ref:{name}")).collect::<Vec<_>>() }),
        );
        item
    }

    #[test]
    fn the_named_come_first_and_nothing_else_moves() {
        let items = [
            item("c", &["a"]),
            item("d", &[]),
            item("a", &["b"]),
            item("b", &[]),
            item("e", &["f"]),
            item("f", &["e"]),
        ];
        let order: Vec<&str> = ordered(&items).into_iter().filter_map(|item| item.name.as_deref()).collect();
        assert_eq!(order, ["d", "b", "a", "c", "e", "f"]);
    }
}
