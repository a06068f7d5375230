//! Event files read back by a reader of their own, which checks every length and checksum.
//!
//! With `SAM_TRAIN_EVENTS=FOLDER`, one test leaves its run there for TensorBoard's own reader; see
//! `tests/peers/tensorboard_events.py`.

use std::collections::BTreeMap;

use super::{
    super::{JsonLines, Sinks, read_jsonl},
    *,
};
use proto::START;

/// CRC-32C bit by bit: the reversed Castagnoli polynomial.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x82f6_3b78 * (crc & 1))
        })
    })
}

fn masked(bytes: &[u8]) -> u32 {
    let crc = crc(bytes);
    crc.rotate_left(17).wrapping_add(0xa282_ead8)
}

/// The whole events of a file; a cut one at its end is passed over, as TensorBoard does.
fn events(path: &Path) -> Vec<Event> {
    let bytes = fs::read(path).unwrap();
    let (mut rest, mut events) = (&bytes[..], Vec::new());
    let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    while rest.len() >= 12 {
        assert_eq!(
            word(&rest[8..12]),
            masked(&rest[..8]),
            "a length's checksum"
        );
        let len = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        let Some(data) = rest.get(12..12 + len + 4) else {
            break;
        };
        let (data, check) = data.split_at(len);
        assert_eq!(word(check), masked(data), "an event's checksum");
        events.push(Event::decode(data).unwrap());
        rest = &rest[12 + len + 4..];
    }
    events
}

/// What TensorBoard shows of a folder: by tag, steps and values, purged at each session's start.
fn shown(dir: &Path) -> BTreeMap<String, Vec<(i64, f32)>> {
    let mut paths: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    paths.retain(|path| path.to_string_lossy().contains("tfevents"));
    paths.sort();
    let mut tags = BTreeMap::<_, Vec<_>>::new();
    for event in paths.iter().flat_map(|path| events(path)) {
        match event.what.unwrap() {
            What::FileVersion(version) => assert_eq!(version, "brain.Event:2"),
            What::SessionLog(log) => {
                assert_eq!(log.status, START);
                tags.values_mut()
                    .for_each(|points| points.retain(|(step, _)| *step < event.step));
            }
            What::Summary(summary) => {
                for value in summary.values {
                    let point = (event.step, value.simple_value.unwrap());
                    tags.entry(value.tag).or_default().push(point);
                }
            }
        }
    }
    tags.retain(|_, points| !points.is_empty());
    tags
}

#[test]
fn the_checksum_is_that_of_the_standard() {
    // RFC 3720, appendix B.4.
    assert_eq!(crc(&[0; 32]), 0x8a91_36aa);
    assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
}

/// The bytes of one event, written out by hand after the protobuf encoding.
#[test]
fn an_event_is_tensorflows_bytes() {
    let values = vec![Value {
        tag: "train/loss".into(),
        simple_value: Some(0.0),
    }];
    let event = Event {
        wall_time: 1.0,
        step: 300,
        what: Some(What::Summary(Summary { values })),
    };
    let mut bytes = vec![
        0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 0xac, 0x02, 0x2a, 19, 0x0a, 17, 0x0a, 10,
    ];
    bytes.extend_from_slice(b"train/loss");
    bytes.extend_from_slice(&[0x15, 0, 0, 0, 0]);
    assert_eq!(event.encode_to_vec(), bytes);
}

#[test]
fn a_file_begins_with_its_version_and_holds_each_record() {
    let dir = tempfile::tempdir().unwrap();
    let mut board = TensorBoard::create(dir.path()).unwrap();
    let record = Record::new(3, 0.5, "train")
        .with("loss", 0.0)
        .with("rho", f64::NAN);
    board.write(&record).unwrap();
    board.write(&Record::new(4, 0.5, "test")).unwrap();
    board.flush().unwrap();
    let events = events(&board.path());
    assert_eq!(events.len(), 3);
    assert_eq!(
        events[0].what,
        Some(What::FileVersion("brain.Event:2".into()))
    );
    let Some(What::Summary(summary)) = &events[1].what else {
        panic!("{events:?}");
    };
    assert_eq!(events[1].step, 3);
    assert_eq!(summary.values[0].tag, "train/loss");
    assert_eq!(summary.values[0].simple_value, Some(0.0));
    assert!(summary.values[1].simple_value.unwrap().is_nan());
    assert!((now() - events[1].wall_time).abs() < 60.0);
}

/// A run is cut off in the middle of an event and resumed twice, within a second: what is shown is what
/// `metrics.jsonl` holds.
#[test]
fn a_resumed_run_shows_no_step_twice() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = match std::env::var_os("SAM_TRAIN_EVENTS") {
        Some(dir) => PathBuf::from(dir),
        None => temporary.path().into(),
    };
    let jsonl = dir.join("metrics.jsonl");
    let record = |step: u64, run: f64| {
        let split = if step.is_multiple_of(10) {
            "test"
        } else {
            "train"
        };
        let record =
            Record::new(step, step as f64 / 10.0, split).with("loss", run + 1.0 / step as f64);
        record.with_some("sharpness", step.is_multiple_of(3).then_some(step as f64))
    };
    let run = |board: TensorBoard, lines: JsonLines, steps: std::ops::Range<u64>, run| {
        let path = board.path();
        let mut sinks = Sinks::new().and(board).and(lines);
        for step in steps {
            sinks.write(&record(step, run)).unwrap();
        }
        path
    };
    let board = TensorBoard::create(&dir).unwrap();
    let first = run(board, JsonLines::create(&jsonl).unwrap(), 1..46, 0.0);
    let cut = fs::read(&first).unwrap();
    fs::write(&first, &cut[..cut.len() - 7]).unwrap();
    let resume = |step| {
        (
            TensorBoard::resume(&dir, step).unwrap(),
            JsonLines::resume(&jsonl, step).unwrap(),
        )
    };
    let (board, lines) = resume(30);
    run(board, lines, 31..42, 10.0);
    // Its first steps come later than those that are void: they must not stay.
    let (board, lines) = resume(20);
    run(board, lines, 35..40, 20.0);

    let mut expected = BTreeMap::<_, Vec<_>>::new();
    for record in read_jsonl(&jsonl).unwrap() {
        for (name, value) in record.values() {
            let points = expected
                .entry(format!("{}/{name}", record.split))
                .or_default();
            points.push((record.step as i64, value as f32));
        }
    }
    assert_eq!(expected["train/loss"].len(), 18 + 5);
    assert_eq!(shown(&dir), expected);
    assert!(matches!(
        TensorBoard::create(&dir),
        Err(MetricsError::Exists { .. })
    ));
}

#[test]
fn a_step_beyond_the_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut board = TensorBoard::create(dir.path()).unwrap();
    let error = board
        .write(&Record::new(1 << 63, 0.0, "train"))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "step 9223372036854775808 is above 9223372036854775807, the last that this file's format holds; \
         count from 0"
    );
    assert!(matches!(
        TensorBoard::resume(dir.path(), u64::MAX),
        Err(MetricsError::Step { .. })
    ));
}

/// The next file would sort before it, or have a number that is none.
#[test]
fn a_file_with_the_last_number_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let name = format!("events.out.tfevents.{}.host", u64::MAX);
    fs::write(dir.path().join(name), "").unwrap();
    let error = TensorBoard::resume(dir.path(), 3).unwrap_err().to_string();
    assert!(
        error.contains("has the last number that there is; move that away"),
        "{error}"
    );
    // One below it is followed by that.
    let dir = tempfile::tempdir().unwrap();
    let name = format!("events.out.tfevents.{}.host", u64::MAX - 1);
    fs::write(dir.path().join(name), "").unwrap();
    let board = TensorBoard::resume(dir.path(), 3).unwrap();
    assert!(
        board
            .path()
            .to_string_lossy()
            .contains(&u64::MAX.to_string())
    );
}
