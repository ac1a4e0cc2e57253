//! The table of pairs: whom a file and the server both have, perhaps, for a person to confirm.

use crate::output::counted;
use crate::table::private;
use anyhow::{Context, Result, bail};
use cell_records_client::types::sync::MatchBy;
use cell_records_client::types::{Reference, Uuid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

/// What the server knows of a person of the file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// A record has the external id already.
    Known,
    /// One record has a number of the person, and name and birth date fit.
    Exact,
    /// Some record may be the person.
    Unclear,
    /// No record is like the person.
    New,
    /// The item cannot be pushed as it is.
    Refused,
}

/// A line of the table: a person of the file, and a record of the server where there is one.
#[derive(Clone, Serialize)]
pub struct Pair {
    /// `yes`: the two are one person.
    pub take: &'static str,
    pub found: Found,
    pub external_id: String,
    pub full_name: String,
    pub birth_date: String,
    pub candidate_id: Option<Uuid>,
    pub candidate_version: Option<i64>,
    pub matched_by: Option<MatchBy>,
    pub candidate_full_name: String,
    pub candidate_birth_date: String,
    pub candidate_unit: String,
    pub note: String,
}

/// What `take` says where two are one.
pub const YES: &str = "yes";

/// Writes the table, for its owner only.
pub fn write(file: &Path, pairs: &[Pair]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        // One that others may read stays so when it is written anew.
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut out = BufWriter::new(private(file)?);
        // By this mark a spreadsheet knows that it is UTF-8.
        out.write_all("\u{feff}".as_bytes())?;
        let mut table = csv::Writer::from_writer(out);
        pairs.iter().try_for_each(|pair| table.serialize(pair))?;
        table.flush()
    };
    write().with_context(|| format!("writing {}", file.display()))
}

/// A pair that a person has confirmed.
#[derive(Clone)]
pub struct Confirmed {
    pub external: Reference,
    pub record: Uuid,
    pub version: i64,
}

/// The columns of a line that decide. Others may be gone, or in another order.
#[derive(Deserialize)]
struct Line {
    take: String,
    external_id: String,
    candidate_id: String,
    candidate_version: String,
}

/// Reads the confirmed pairs, and names every line that is wrong. The external ids must be among those of the file.
pub fn confirmed(file: &Path, of_file: &BTreeSet<String>) -> Result<Vec<Confirmed>> {
    let mut input = BufReader::new(File::open(file).with_context(|| format!("opening {}", file.display()))?);
    let mut header = String::new();
    input.read_line(&mut header).with_context(|| format!("reading {}", file.display()))?;
    // Spreadsheets of many countries write semicolons.
    let delimiter = [b';', b'\t'].into_iter().find(|mark| header.as_bytes().contains(mark)).unwrap_or(b',');
    let whole = header.as_bytes().chain(input);
    let mut table = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(whole);
    let (mut pairs, mut wrong) = (Vec::new(), 0_usize);
    let (mut people, mut records) = (BTreeSet::new(), BTreeSet::new());
    for (number, line) in table.deserialize::<Line>().enumerate() {
        let pair = line.map_err(anyhow::Error::from).and_then(|line| {
            let Some(pair) = line.read()? else { return Ok(None) };
            let external = pair.external.to_string();
            if !of_file.contains(&external) {
                bail!("{external} is not in the file of people");
            }
            if !people.insert(external.clone()) {
                bail!("{external} is taken for a second record");
            }
            if !records.insert(pair.record) {
                bail!("the record {} is taken for a second person", pair.record);
            }
            Ok(Some(pair))
        });
        match pair {
            Ok(pair) => pairs.extend(pair),
            Err(error) => {
                wrong += 1;
                // The first line has the names of the columns.
                eprintln!("line {}: {error:#}", number + 2);
            }
        }
    }
    if wrong > 0 {
        bail!("nothing is sent: {} of {} wrong", counted(wrong, "line"), file.display());
    }
    Ok(pairs)
}

impl Line {
    /// The pair, if it is confirmed.
    fn read(&self) -> Result<Option<Confirmed>> {
        match self.take.trim().to_lowercase().as_str() {
            YES => {}
            "" | "no" => return Ok(None),
            other => bail!("`take` is yes, no or empty, not {other}"),
        }
        let external = self.external_id.trim().parse().ok();
        let external = external.filter(|external| matches!(external, Reference::External { .. }));
        Ok(Some(Confirmed {
            external: external.context("`external_id` must be ext:<system>:<value>")?,
            record: self.candidate_id.trim().parse().context("`candidate_id` names no record to take")?,
            version: self.candidate_version.trim().parse().context("`candidate_version` is no number")?,
        }))
    }
}
