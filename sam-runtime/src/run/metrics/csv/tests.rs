//! Tables against their text, and cut at every byte.

use std::fs;

use super::*;

const HEAD: &str = "step,epoch,seconds,split";

fn record(step: u64) -> Record {
    Record::new(step, 0.5, "train")
}

/// The text of a table after these records.
fn written(records: &[Record]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("metrics.csv");
    let mut sink = Csv::create(&path).unwrap();
    for record in records {
        sink.write(record).unwrap();
    }
    sink.flush().unwrap();
    fs::read_to_string(path).unwrap()
}

/// The text of a table after `resume` and one more record.
fn resumed(text: &str, step: u64) -> Result<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("metrics.csv");
    fs::write(&path, text).unwrap();
    match Csv::resume(&path, step) {
        Ok(mut sink) => sink.write(&record(99)).unwrap(),
        Err(error) => {
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            return Err(error.to_string().replace(path.to_str().unwrap(), "FILE"));
        }
    }
    Ok(fs::read_to_string(&path).unwrap())
}

#[test]
fn new_names_get_columns_in_mid_run() {
    assert_eq!(written(&[]), format!("{HEAD}\n"));
    let records = [
        Record::new(1, 0.5, "train ").seconds(2.25),
        record(2).with("loss", 0.1),
        record(3).with("a,b", 1e-9).with("loss", f64::NAN),
        Record::new(4, 1.0, "the \"test\"")
            .with("rho", f64::INFINITY)
            .with("a,b", f64::NEG_INFINITY),
        record(5).with("loss", 1e300),
    ];
    assert_eq!(
        written(&records),
        format!(
            "{HEAD},loss,\"a,b\",rho\n\
             1,0.5,2.25,train ,,,\n\
             2,0.5,0.0,train,0.1,,\n\
             3,0.5,0.0,train,NaN,1e-9,\n\
             4,1.0,0.0,\"the \"\"test\"\"\",,-inf,inf\n\
             5,0.5,0.0,train,1e300,,\n"
        )
    );
}

#[test]
fn a_table_cut_at_any_byte_keeps_its_whole_rows() {
    let text = written(&[1, 2].map(|step| record(step).with("loss", 0.125)));
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for cut in 0..=text.len() {
        // Only a line break tells a whole number from a half one.
        let whole = text[..cut].matches('\n').count();
        for step in 0..=2 {
            let found = resumed(&text[..cut], step).unwrap();
            let expected = match whole {
                0 => format!("{HEAD}\n99,0.5,0.0,train\n"),
                _ => lines[..whole.min(step as usize + 1)].concat() + "99,0.5,0.0,train,\n",
            };
            assert_eq!(found, expected, "{cut} {step}");
        }
    }
}

#[test]
fn a_resumed_table_takes_new_columns() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("metrics.csv");
    // With the line breaks that a spreadsheet on Windows saves.
    fs::write(
        &path,
        format!("{HEAD},loss\r\n1,0.5,0.0,train,2.0\r\n2,0.5,0.0,train,1.0\r\n"),
    )
    .unwrap();
    let mut sink = Csv::resume(&path, 1).unwrap();
    sink.write(&record(2).with("rho", 0.05)).unwrap();
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        format!("{HEAD},loss,rho\n1,0.5,0.0,train,2.0,\n2,0.5,0.0,train,,0.05\n")
    );
    assert!(matches!(
        Csv::resume(&path, 1),
        Err(MetricsError::InUse { .. })
    ));
    drop(sink);
    assert!(matches!(
        Csv::create(&path),
        Err(MetricsError::Exists { .. })
    ));
}

#[test]
fn foreign_tables_are_refused() {
    for (text, problem) in [
        (
            "a,b\n",
            "line 1: its columns don't begin with step,epoch,seconds,split; it is not a table of records",
        ),
        (
            "step,epoch,seconds,split,a,a\n",
            "line 1: there are two columns `a`",
        ),
        (
            "step,epoch,seconds,split\n1,0,0\n",
            "line 2: it has 3 cells, but the table has 4 columns",
        ),
        (
            "step,epoch,seconds,split\n\n1,0,0,a\n",
            "line 2: it is empty",
        ),
        (
            "step,epoch,seconds,split\n1,0,0,\"a\nb\"\n",
            "line 2: it ends within quotes",
        ),
        (
            "step,epoch,seconds,split\n1,0,0,a\nx,0,0,a\n",
            "line 3: its step is `x`, which is no whole number",
        ),
    ] {
        let after = "; repair or delete the line, or begin a new file";
        assert_eq!(
            resumed(text, 9).unwrap_err(),
            format!("FILE, {problem}{after}")
        );
    }
}
