//! Who sees what: a caller's grants that hold now, and the one function over
//! (caller, action, record type, unit, class) that every read and write asks.

use super::live::Clock;
use super::policy::{self, Rights};
use super::registry::Kind;
use super::reindex::Fingerprint;
use super::tree::{ROOT, Tree};
use cell_records_types::accounts::Role;
use cell_records_types::{Class, FieldSpec, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// A grant as an account holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: Uuid,
    /// The role.
    pub role: Role,
    /// The unit whose subtree it covers.
    pub unit: Uuid,
    /// Since when it holds.
    pub from: Timestamp,
    /// When it ends.
    pub until: Option<Timestamp>,
    /// Sensitive fields that it adds: `type.field`.
    pub fields: Vec<String>,
}

impl Grant {
    /// As the API shows it.
    pub fn into_wire(self) -> cell_records_types::accounts::Grant {
        let Grant { id, role, unit, from, until, fields } = self;
        cell_records_types::accounts::Grant { id, role, unit_id: unit, from, until, fields }
    }

    /// Whether it holds at an instant.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until)
    }

    /// Whether it adds a field of a type by name.
    pub fn names(&self, kind: &Kind, field: &str) -> bool {
        self.fields
            .iter()
            .any(|name| name.strip_prefix(kind.name).and_then(|rest| rest.strip_prefix('.')) == Some(field))
    }
}

/// Which of its account's grants a caller may use: a token can be narrowed to some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Narrowing {
    /// All of them.
    #[default]
    All,
    /// These only, by id. With none of them it may do nothing.
    Only(Vec<Uuid>),
}

impl Narrowing {
    /// As it is stored with a token: nothing for all grants, or a JSON list of ids. What cannot be read lets no grant
    /// through.
    pub fn read(stored: Option<&str>) -> Self {
        stored.map_or(Narrowing::All, |text| Narrowing::Only(serde_json::from_str(text).unwrap_or_default()))
    }

    /// The form in which it is stored.
    pub fn stored(&self) -> Option<String> {
        match self {
            Narrowing::All => None,
            Narrowing::Only(ids) => Some(serde_json::to_string(ids).unwrap_or_default()),
        }
    }

    fn lets_through(&self, grant: &Grant) -> bool {
        match self {
            Narrowing::All => true,
            Narrowing::Only(ids) => ids.contains(&grant.id),
        }
    }
}

/// Who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A user or a system, by account id; a system's code is its origin.
    Account(Uuid, Option<String>),
    /// The local operator: the command line, the demo, the first start.
    Operator,
}

/// A caller's grants that hold now, over the tree as it is now.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Who is asking.
    pub actor: Actor,
    /// The grants that hold, each judged for itself.
    pub grants: Vec<Grant>,
    /// Those of its account that hold too, and that its token does not let through.
    withheld: Vec<Grant>,
    /// The tree.
    pub tree: Arc<Tree>,
    /// Whether stored bodies may be cut by other classes than today's, so that they are cut again before they are
    /// shown.
    pub recut: bool,
}

/// What a caller may write of one type in one unit: the union over the grants that cover it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writes {
    rights: Vec<Rights>,
    operator: bool,
}

impl Writes {
    /// Whether anything may be written at all.
    pub fn any(&self) -> bool {
        self.operator || !self.rights.is_empty()
    }

    /// Whether records may be made, deleted and brought back.
    pub fn whole(&self) -> bool {
        self.operator || self.rights.iter().any(Rights::creates)
    }

    /// Whether a field of this class may be written.
    pub fn field(&self, name: &str, class: Class) -> bool {
        self.operator || self.rights.iter().any(|rights| rights.writes_field(name, class))
    }
}

impl Scope {
    /// A caller's scope at an instant: of its account's grants those that hold, as far as its token lets them through.
    pub fn new(actor: Actor, grants: &[Grant], narrowing: &Narrowing, now: Timestamp, tree: Arc<Tree>) -> Self {
        let held = grants.iter().filter(|grant| grant.holds(now) && tree.contains(grant.unit)).cloned();
        let (grants, withheld) = held.partition(|grant| narrowing.lets_through(grant));
        Scope { actor, grants, withheld, tree, recut: false }
    }

    /// The local operator's: everything.
    pub fn operator(tree: Arc<Tree>) -> Self {
        Scope { actor: Actor::Operator, grants: Vec::new(), withheld: Vec::new(), tree, recut: false }
    }

    /// The same over records that were last brought up to the registry that the clock row names.
    #[must_use]
    pub fn of_registry(self, clock: &Clock) -> Self {
        Scope { recut: !Fingerprint::current().is_of(clock), ..self }
    }

    /// The scope of the whole account, whatever the token is narrowed to.
    pub fn of_account(&self) -> Scope {
        let grants = self.grants.iter().chain(&self.withheld).cloned().collect();
        Scope { grants, withheld: Vec::new(), ..self.clone() }
    }

    /// Whether this is the local operator.
    pub fn is_operator(&self) -> bool {
        self.actor == Actor::Operator
    }

    /// The grants that read the type, with the class each reads it to.
    pub fn readers<'a>(&'a self, kind: &'a Kind) -> impl Iterator<Item = (&'a Grant, Class)> {
        self.grants.iter().filter_map(move |grant| {
            let rights = policy::rights(&grant.role, kind.name)?;
            (rights.reads >= kind.class).then_some((grant, rights.reads))
        })
    }

    /// The grants that write the type, with what each lets its holder write.
    pub fn writers<'a>(&'a self, kind: &'a Kind) -> impl Iterator<Item = (&'a Grant, Rights)> {
        self.grants.iter().filter_map(move |grant| {
            let rights = policy::rights(&grant.role, kind.name)?;
            rights.writes.is_some().then_some((grant, rights))
        })
    }

    /// Up to which class the caller reads a record of this type in this unit; nothing when it does not see it.
    pub fn reads(&self, kind: &Kind, unit: Uuid) -> Option<Class> {
        if self.is_operator() {
            return Some(Class::Sensitive);
        }
        self.readers(kind).filter_map(|(grant, class)| self.reach(grant.unit, kind, unit, class)).max()
    }

    /// Up to which class a grant at `root` that reads `class` under it reads records in `unit`: above its subtree
    /// only downward types, and no more of them than their own class.
    fn reach(&self, root: Uuid, kind: &Kind, unit: Uuid, class: Class) -> Option<Class> {
        if self.tree.covers(root, unit) {
            return Some(class);
        }
        (kind.downward && self.tree.covers(unit, root)).then_some(kind.class)
    }

    /// Sensitive fields that grants over this unit add, by name.
    pub fn named_fields<'a>(&'a self, kind: &Kind, unit: Uuid) -> Vec<&'a str> {
        let prefix = |field: &'a String| field.strip_prefix(kind.name).and_then(|rest| rest.strip_prefix('.'));
        let covering =
            self.readers(kind).filter(|(grant, _)| self.tree.covers(grant.unit, unit)).map(|(grant, _)| grant.id);
        let covering: BTreeSet<Uuid> = covering.collect();
        self.grants
            .iter()
            .filter(|grant| covering.contains(&grant.id))
            .flat_map(|grant| &grant.fields)
            .filter_map(prefix)
            .collect()
    }

    /// Whether the caller reads a field of records of this type in this unit.
    pub fn reads_field(&self, kind: &Kind, unit: Uuid, field: &str) -> bool {
        let class = kind.field(field).map_or(Class::Sensitive, |spec| spec.class);
        self.reads(kind, unit).is_some_and(|reads| reads >= class) || self.named_fields(kind, unit).contains(&field)
    }

    /// Whether the caller reads of a type in one unit no more than in another, by class and by name.
    pub fn reads_no_more(&self, kind: &Kind, there: Uuid, here: Uuid) -> bool {
        self.reads(kind, here) <= self.reads(kind, there)
            && self.named_fields(kind, here).into_iter().all(|field| self.reads_field(kind, there, field))
    }

    /// Whether any grant adds named fields: only then a body is parsed to leave fields out.
    pub fn has_named_fields(&self) -> bool {
        self.grants.iter().any(|grant| !grant.fields.is_empty())
    }

    /// What the caller may write of this type in this unit. Above a grant's subtree it only reads.
    pub fn writes(&self, kind: &Kind, unit: Uuid) -> Writes {
        let covering = self.writers(kind).filter(|(grant, _)| self.tree.covers(grant.unit, unit));
        Writes { rights: covering.map(|(_, rights)| rights).collect(), operator: self.is_operator() }
    }

    /// Whether the caller holds a role over a unit.
    pub fn holds(&self, unit: Uuid, role: impl Fn(&Role) -> bool) -> bool {
        self.is_operator() || self.grants.iter().any(|grant| role(&grant.role) && self.tree.covers(grant.unit, unit))
    }

    /// The most that the caller reads of this type anywhere: which columns a query asks for.
    pub fn most(&self, kind: &Kind) -> Option<Class> {
        if self.is_operator() {
            return Some(Class::Sensitive);
        }
        let named = self.has_named_fields();
        self.readers(kind).map(|(_, class)| if named { Class::Sensitive } else { class }).max()
    }

    /// The units where the caller reads all these fields of records of this type, over the grants that do.
    pub fn units(&self, kind: &Kind, fields: &[&FieldSpec]) -> Units {
        if self.is_operator() {
            return Units::All;
        }
        let mut above = BTreeSet::new();
        if kind.downward && fields.iter().all(|field| field.class <= kind.class) {
            above.extend(self.readers(kind).flat_map(|(grant, _)| self.tree.ancestors(grant.unit).skip(1)));
        }
        self.gather(self.reads_under(kind, fields), above)
    }

    /// The units under which the caller reads all these fields of records of this type: of its grants, the outermost.
    pub fn reads_under(&self, kind: &Kind, fields: &[&FieldSpec]) -> Vec<Uuid> {
        let reads =
            |grant: &Grant, class| fields.iter().all(|field| field.class <= class || grant.names(kind, field.name));
        self.outermost(self.readers(kind).filter(|(grant, class)| reads(grant, *class)).map(|(grant, _)| grant.unit))
    }

    /// The units under which the caller's rights to write records of this type are such: of its grants, the outermost.
    pub fn writes_under(&self, kind: &Kind, such: impl Fn(&Rights) -> bool) -> Vec<Uuid> {
        self.outermost(self.writers(kind).filter(|(_, rights)| such(rights)).map(|(grant, _)| grant.unit))
    }

    /// The units under which the caller writes records of this type by one of these roles.
    pub fn holds_under(&self, kind: &Kind, roles: &[String]) -> Vec<Uuid> {
        let by_role = self.writers(kind).filter(|(grant, _)| roles.iter().any(|role| role == grant.role.code()));
        self.outermost(by_role.map(|(grant, _)| grant.unit))
    }

    /// These units, but none that is under another of them: it adds nothing.
    fn outermost(&self, units: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
        let all: BTreeSet<Uuid> = units.collect();
        let is_under = |unit: Uuid| self.tree.ancestors(unit).skip(1).any(|above| all.contains(&above));
        all.iter().copied().filter(|unit| !is_under(*unit)).collect()
    }

    /// Of these units, a unit, or with `subtree` those under it too.
    pub fn within(&self, units: Units, unit: Uuid, subtree: bool) -> Units {
        let covers = |one: &Uuid| if subtree { self.tree.covers(unit, *one) } else { *one == unit };
        match units {
            Units::All if subtree => self.gather(vec![unit], BTreeSet::new()),
            Units::All => Units::Few(vec![unit]),
            Units::Few(few) => Units::Few(few.into_iter().filter(covers).collect()),
            Units::Under(roots, single) => {
                let inside = roots.iter().any(|root| self.tree.covers(*root, unit));
                let single: BTreeSet<Uuid> = single.into_iter().filter(covers).collect();
                match (inside, subtree) {
                    (true, true) => self.gather(vec![unit], BTreeSet::new()),
                    (true, false) => Units::Few(vec![unit]),
                    (false, true) => self.gather(roots.into_iter().filter(covers).collect(), single),
                    (false, false) => Units::Few(single.into_iter().collect()),
                }
            }
        }
    }

    /// The units one by one, where they are few.
    pub fn few(&self, units: Units) -> Option<Vec<Uuid>> {
        match units {
            Units::All => self.tree.subtree(ROOT, FEW_UNITS),
            Units::Under(..) => None,
            Units::Few(few) => Some(few),
        }
    }

    /// The units under roots of which none is under another one, with some single units.
    fn gather(&self, roots: Vec<Uuid>, single: BTreeSet<Uuid>) -> Units {
        if roots.iter().any(|root| self.tree.parent(*root).is_none() && self.tree.contains(*root)) {
            return Units::All;
        }
        let mut ids = single;
        for root in &roots {
            let left = FEW_UNITS.saturating_sub(ids.len());
            match self.tree.subtree(*root, left) {
                Some(units) => ids.extend(units),
                None => {
                    let single =
                        ids.into_iter().filter(|unit| !roots.iter().any(|root| self.tree.covers(*root, *unit)));
                    return Units::Under(roots.clone(), single.collect());
                }
            }
        }
        Units::Few(ids.into_iter().collect())
    }
}

/// Most units that a query names one by one; more are found through the tree's own table.
pub const FEW_UNITS: usize = 64;

/// A set of units as a query can use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Units {
    /// Every unit.
    All,
    /// These, sorted; perhaps none.
    Few(Vec<Uuid>),
    /// All under these roots, and these single ones.
    Under(Vec<Uuid>, Vec<Uuid>),
}

impl Units {
    /// Whether no unit is in it.
    pub fn is_empty(&self) -> bool {
        matches!(self, Units::Few(units) if units.is_empty())
    }
}
