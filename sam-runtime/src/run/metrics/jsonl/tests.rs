//! JSON lines against their text, against another parser, and cut at every byte.

use std::fs;

use proptest::prelude::*;

use super::*;

fn record(step: u64) -> Record {
    Record::new(step, step as f64 / 8.0, "train").seconds(0.5)
}

fn written(records: &[Record]) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("metrics.jsonl");
    let mut sink = JsonLines::create(&path).unwrap();
    for record in records {
        sink.write(record).unwrap();
    }
    sink.flush().unwrap();
    fs::read(path).unwrap()
}

/// What `resume` makes of a file, and the records that are then in it.
fn resumed(bytes: &[u8], step: u64) -> Result<(Vec<u8>, Vec<Record>), String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("metrics.jsonl");
    fs::write(&path, bytes).unwrap();
    let result = JsonLines::resume(&path, step).map(drop);
    let text = |error: MetricsError| error.to_string().replace(path.to_str().unwrap(), "FILE");
    result.map_err(text)?;
    Ok((fs::read(&path).unwrap(), read_jsonl(&path).map_err(text)?))
}

#[test]
fn a_line_is_flat_json_in_order() {
    let record = Record::new(390, 1.5, "train").seconds(12.25);
    let record = record
        .with("rho", 0.05)
        .with("loss", 1e-30)
        .with("a \"b\"", 2.0);
    let bytes = written(&[record, Record::new(400, 2.0, "test")]);
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        "{\"step\":390,\"epoch\":1.5,\"seconds\":12.25,\"split\":\"train\",\"loss\":1e-30,\"rho\":0.05,\
         \"a \\\"b\\\"\":2.0}\n\
         {\"step\":400,\"epoch\":2.0,\"seconds\":0.0,\"split\":\"test\"}\n"
    );
}

#[test]
fn what_is_not_finite_is_valid_json_and_comes_back() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0];
    let names = ["a", "b", "c", "d"];
    let record = names
        .iter()
        .zip(odd)
        .fold(record(1), |r, (n, v)| r.with(*n, v));
    let bytes = written(std::slice::from_ref(&record));
    let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(
        (&json["a"], &json["b"], &json["c"]),
        (&"NaN".into(), &"inf".into(), &"-inf".into())
    );
    let (_, back) = resumed(&bytes, 1).unwrap();
    // Debug tells NaN and -0 apart from others, as == does not.
    assert_eq!(format!("{back:?}"), format!("{:?}", [record]));
}

proptest! {
    #[test]
    fn records_come_back_bit_by_bit(
        step: u64, epoch: f64, seconds: f64, split in "[^\\p{C}]{1,8}",
        values in prop::collection::btree_map("[^\\p{C}]{1,8}", prop::num::f64::ANY, 0..6))
    {
        let empty = Record::new(step, epoch, split).seconds(seconds);
        let record = values.into_iter().fold(empty, |record, (name, value)| record.with(name, value));
        let (_, back) = resumed(&written(std::slice::from_ref(&record)), step).unwrap();
        prop_assert_eq!(format!("{back:?}"), format!("{:?}", [record]));
    }
}

/// A run is cut off after any byte, and resumed at any step: every whole record up to that step is
/// kept, in bytes, and nothing else.
#[test]
fn a_file_cut_at_any_byte_keeps_its_whole_records() {
    let records: Vec<_> = (1..=2).map(|step| record(step).with("loss", 0.1)).collect();
    let lines: Vec<_> = records
        .iter()
        .map(|r| written(std::slice::from_ref(r)))
        .collect();
    let bytes = lines.concat();
    for cut in 0..=bytes.len() {
        let mut end = 0;
        // A line is whole without its line break.
        let whole = lines.iter().take_while(|line| {
            end += line.len();
            end - 1 <= cut
        });
        let whole = whole.count();
        for step in 0..=2 {
            let kept = whole.min(step as usize);
            let (after, back) = resumed(&bytes[..cut], step).unwrap();
            assert_eq!(after, lines[..kept].concat(), "{cut} {step}");
            assert_eq!(back, records[..kept]);
        }
    }
}

#[test]
fn records_are_added_behind_those_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/metrics.jsonl");
    // Nothing to go on with: a resumed run that has never written.
    JsonLines::resume(&path, 7)
        .unwrap()
        .write(&record(1))
        .unwrap();
    assert!(matches!(
        JsonLines::create(&path),
        Err(MetricsError::Exists { .. })
    ));
    let mut sink = JsonLines::resume(&path, 7).unwrap();
    sink.write(&record(8)).unwrap();
    assert!(matches!(
        sink.write(&record(9).with("step", 0.0)),
        Err(MetricsError::Name { .. })
    ));
    assert_eq!(read_jsonl(&path).unwrap(), [record(1), record(8)]);
}

#[test]
fn foreign_lines_are_named_and_left_alone() {
    let good = String::from_utf8(written(&[record(1)])).unwrap();
    for (bad, problem) in [
        ("{\"step\":1", "EOF while parsing an object"),
        ("[1]", "invalid type: sequence, expected a record"),
        ("{\"step\":-1}", "invalid value: integer `-1`, expected u64"),
        (
            "{\"step\":1.5}",
            "invalid type: floating point `1.5`, expected u64",
        ),
        (
            "{\"step\":1,\"epoch\":0,\"seconds\":0}",
            "missing field `split`",
        ),
        ("{\"step\":1,\"step\":1}", "`step` is there twice"),
        ("{\"loss\":1,\"loss\":1}", "`loss` is there twice"),
        (
            "{\"loss\":null}",
            "invalid type: null, expected a number, \"NaN\", \"inf\" or \"-inf\"",
        ),
        (
            "{\"loss\":\"nan\"}",
            "invalid value: string \"nan\", expected a number",
        ),
        ("{\"loss\":1e999}", "number out of range"),
        ("\u{0}\u{0}", "expected value"),
    ] {
        let error = resumed(format!("{good}\n{bad}\n{good}").as_bytes(), 0).unwrap_err();
        assert!(
            error.starts_with(&format!("FILE, line 3: {problem}")),
            "{error}"
        );
        assert!(
            error.ends_with("); repair or delete the line, or begin a new file"),
            "{error}"
        );
    }
    // Bytes that are no text, as a disk may leave them behind the last line.
    let torn = [good.as_bytes(), &[0, 0, 255]].concat();
    assert_eq!(resumed(&torn, 9).unwrap().0, good.as_bytes());
}

#[test]
fn a_missing_file_is_named() {
    let error = read_jsonl("/nowhere/metrics.jsonl")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("/nowhere/metrics.jsonl: can't open it ("),
        "{error}"
    );
}
