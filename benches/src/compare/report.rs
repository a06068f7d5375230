//! The tables, as they stand in `benches/README.md`.

use serde_json::{Map, Value, json};

use crate::{
    Measured,
    race::Row,
    sides::{PEERS, STEPS},
};

/// The steps as tables call them, in the order of [`STEPS`].
const NAMES: [&str; STEPS.len()] = ["base", "SAM"];

fn line(cells: &[String]) {
    println!("| {} |", cells.join(" | "));
}

fn head(cells: &[&str]) {
    line(&cells.iter().map(|cell| (*cell).into()).collect::<Vec<_>>());
    println!("|{}", "---|".repeat(cells.len()));
}

/// Two decimals of what is short.
fn ms(time: f64) -> String {
    match time < 100.0 {
        true => format!("{time:.2}"),
        false => format!("{time:.1}"),
    }
}

fn cell(value: Option<String>) -> String {
    value.unwrap_or_else(|| "–".into())
}

/// Times, the fastest peer's in bold, and the floor.
pub(crate) fn times(measured: &[Measured]) {
    println!("<!-- ANCHOR: peers -->\n");
    let peers = PEERS.iter().map(|peer| peer.name);
    let mut cells = vec!["ms of a step", "", "here"];
    cells.extend(peers);
    cells.extend([
        "here / fastest peer",
        "SAM / base here",
        "least, products",
        "least, bytes",
        "here / least",
    ]);
    head(&cells);
    for Measured { network, rows, .. } in measured {
        for ((row, name), step) in rows.iter().zip(NAMES).zip(STEPS) {
            let fastest = row.fastest().map(|(peer, _)| peer);
            let mut cells = vec![network.title.to_owned(), name.into(), ms(row.here)];
            for (peer, time) in row.peers.iter().enumerate() {
                let time = time.map(|time| ms(time.ms));
                cells.push(match fastest == Some(peer) {
                    true => format!("**{}**", cell(time)),
                    false => cell(time),
                });
            }
            cells.push(format!("{:.2}", row.over_fastest()));
            let over_base = || format!("{:.2}", row.here / rows[0].here);
            cells.push((step == "sam").then(over_base).unwrap_or_default());
            cells.extend(row.floor.map(ms));
            cells.push(format!("{:.1}", row.over_floor()));
            line(&cells);
        }
    }
    println!();
}

/// Peak memory of a SAM step, and before the first one.
pub(crate) fn memory(measured: &[Measured]) {
    let mut cells = vec!["MiB at the peak", "here"];
    cells.extend(PEERS.iter().map(|peer| peer.name));
    cells.push("here / PyTorch");
    head(&cells);
    let row = |name: &str, peaks: &[Option<f64>]| {
        let mut cells = vec![name.to_owned()];
        cells.extend(
            peaks
                .iter()
                .map(|mib| cell(mib.map(|mib| format!("{mib:.0}")))),
        );
        cells.push(cell(over_torch(peaks).map(|ratio| format!("{ratio:.2}"))));
        line(&cells);
    };
    if let Some(first) = measured.first() {
        let begin: Vec<_> = first.begin.iter().map(|mib| Some(*mib)).collect();
        row("before the first step", &begin);
    }
    for Measured { network, peaks, .. } in measured {
        row(network.title, peaks);
    }
    println!("\n<!-- ANCHOR_END: peers -->\n");
}

/// Our memory over that of the first peer.
fn over_torch(peaks: &[Option<f64>]) -> Option<f64> {
    Some((*peaks.first()?)? / (*peaks.get(1)?)?)
}

/// The layouts that were faster, and the percent of the machine that others took at most.
pub(crate) fn notes(measured: &[Measured], quiet: f64) {
    for Measured { network, rows, .. } in measured {
        for (row, name) in rows.iter().zip(NAMES) {
            let layouts = PEERS.iter().zip(&row.peers);
            let layouts: Vec<_> = layouts
                .filter_map(|(peer, time)| Some(format!("{} {}", peer.name, (*time)?.layout)))
                .collect();
            println!("{}, {name}: {}", network.name, layouts.join(", "));
        }
    }
    let rows = measured.iter().flat_map(|measured| &measured.rows);
    let others = rows.map(|row| row.others).fold(0.0, f64::max);
    println!("Others took up to {others:.0} % of the machine.");
    if others > quiet {
        println!("Measure again when it is quiet.");
    }
}

/// One line of JSON.
pub(crate) fn summary(measured: &[Measured]) {
    let rounded = |ratio: f64| (ratio * 1e3).round() / 1e3;
    let mut summary = Map::new();
    for measured in measured {
        let [base, sam] = &measured.rows[..] else {
            continue;
        };
        let of = |row: &Row| {
            json!({
                "fastest": row.fastest().map(|(peer, _)| PEERS[peer].name),
                "vs_fastest": rounded(row.over_fastest()),
                "vs_floor": rounded(row.over_floor()),
            })
        };
        let mut entry =
            Map::from_iter([("base".to_owned(), of(base)), ("sam".to_owned(), of(sam))]);
        entry.insert("sam_vs_base".into(), json!(rounded(sam.here / base.here)));
        let memory = over_torch(&measured.peaks).map(rounded);
        entry.insert("memory_vs_torch".into(), json!(memory));
        summary.insert(measured.network.name.to_owned(), Value::Object(entry));
    }
    println!("{}", Value::Object(summary));
}
