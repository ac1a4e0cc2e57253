//! `cellsync export`: the records of the copy, for other programs.

use crate::end::End;
use crate::output::counted;
use crate::settings::Profiled;
use crate::table::{plain, private};
use anyhow::{Context, Result, anyhow};
use cell_records_client::sync::{CopyStore, SqliteStore};
use cell_records_client::types::TypeInfo;
use clap::{Args, ValueEnum};
use serde_json::{Map, Value};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::PathBuf;

#[derive(Args)]
pub struct Arguments {
    /// The form: `ndjson` is a record a line, as the API returns it; `csv` is one type, with a column for each field.
    #[arg(long, value_enum, default_value_t = Form::Ndjson)]
    format: Form,
    /// Record types, comma separated; default: all. `csv` needs exactly one.
    #[arg(long, value_delimiter = ',', value_name = "TYPE,…")]
    types: Vec<String>,
    /// The file to write, for its owner only; default: standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    Ndjson,
    Csv,
}

/// Columns that every type has, before its own.
const ENVELOPE: [&str; 6] = ["id", "type", "version", "unit_id", "created_at", "updated_at"];

pub fn run(settings: &Profiled, arguments: &Arguments) -> Result<End> {
    let store = settings.existing()?;
    let types =
        if arguments.types.is_empty() { store.counts()?.into_keys().collect() } else { arguments.types.clone() };
    // Asked before a file is touched that may hold something.
    let columns = match arguments.format {
        Form::Ndjson => None,
        Form::Csv => Some(columns(&types)?),
    };
    let mut out: Box<dyn Write> = match &arguments.output {
        Some(file) => Box::new(private(file).with_context(|| format!("writing {}", file.display()))?),
        None => Box::new(std::io::stdout().lock()),
    };
    let mut out = BufWriter::new(&mut out);
    let written = match columns {
        None => ndjson(&store, &types, &mut out),
        Some(columns) => csv(&store, &types, &columns, &mut out),
    };
    match written.and_then(|count| Ok(out.flush().map(|()| count)?)) {
        Ok(count) if arguments.output.is_some() => eprintln!("{} written", counted(count, "record")),
        Ok(_) => {}
        // Who reads only the beginning closes the pipe.
        Err(error) if is_closed(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(End::Done)
}

fn is_closed(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|io| io.kind() == ErrorKind::BrokenPipe)
}

fn ndjson(store: &SqliteStore, types: &[String], out: &mut impl Write) -> Result<usize> {
    each(store, types, |record| {
        serde_json::to_writer(&mut *out, record)?;
        out.write_all(b"\n")
    })
}

fn csv(store: &SqliteStore, types: &[String], columns: &[&str], out: &mut impl Write) -> Result<usize> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(columns).map_err(std::io::Error::from)?;
    let count =
        each(store, types, |record| Ok(table.write_record(columns.iter().map(|column| cell(record, column)))?))?;
    table.flush()?;
    Ok(count)
}

/// The columns of a table of one type.
fn columns(types: &[String]) -> Result<Vec<&'static str>> {
    let [kind] = types else { return Err(anyhow!("csv has one type: name it with --types")) };
    let known =
        TypeInfo::named(kind).ok_or_else(|| anyhow!("{kind} is not a type that this program knows: use ndjson"))?;
    Ok(ENVELOPE.into_iter().chain(known.fields.iter().map(|field| field.name)).collect())
}

/// Writes each record of these types, and counts them. A writer that fails does so with an I/O error, so that it shows where
/// nobody reads any more.
fn each(
    store: &SqliteStore,
    types: &[String],
    mut write: impl FnMut(&Map<String, Value>) -> std::io::Result<()>,
) -> Result<usize> {
    let mut count = 0;
    for kind in types {
        for id in store.versions(kind)?.into_keys() {
            if let Some(held) = store.get(kind, id)? {
                write(&held.record)?;
                count += 1;
            }
        }
    }
    Ok(count)
}

/// A text as it is, anything else as JSON, nothing as an empty cell.
fn cell(record: &Map<String, Value>, column: &str) -> String {
    match record.get(column) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => plain(text).into_owned(),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cell_is_a_text_and_never_a_formula() {
        let Value::Object(record) = json!({"a": "Nguyễn", "b": "=1+1", "c": ["x"], "d": null, "e": -3}) else {
            unreachable!()
        };
        let cells: Vec<String> = ["a", "b", "c", "d", "e", "f"].iter().map(|column| cell(&record, column)).collect();
        assert_eq!(cells, ["Nguyễn", "'=1+1", "[\"x\"]", "", "-3", ""]);
    }
}
