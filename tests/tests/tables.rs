//! Tables from CSV files: scikit-learn's numbers, files that are wrong in every way, gaps, and encoders that are saved.

use std::fs;

use dfdx::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use sam_runtime::{
    data::{
        Labelled, LastBatch,
        table::{
            Category, Columns, Csv, MissingCategory, MissingNumber, Number, Scale, Table,
            TableEncoder, Unknown,
        },
    },
    prelude::*,
};
use serde_json::Value;

fn table(text: &str) -> Table {
    Table::parse(text).unwrap()
}

fn error(result: Result<impl Sized, DataError>) -> String {
    match result {
        Ok(_) => panic!("it should be refused"),
        Err(error) => error.to_string(),
    }
}

/// Numbers of the fixture, row after row.
fn rows(value: &Value) -> Vec<Vec<f64>> {
    serde_json::from_value(value.clone()).unwrap()
}

#[track_caller]
fn close(made: &[[f32; 3]], wanted: &Value) {
    let wanted = rows(wanted);
    assert_eq!(made.len(), wanted.len());
    for (made, wanted) in made.iter().flatten().zip(wanted.iter().flatten()) {
        // Made in 64 bits, where sums have another order, and rounded to 32 once.
        let error = (f64::from(*made) - wanted).abs();
        let allowed = wanted.abs() * f64::from(f32::EPSILON) + 1e-14;
        assert!(error <= allowed, "{made} for {wanted}");
    }
}

#[test]
fn numbers_and_categories_are_those_of_scikit_learn() {
    let peer: Value = serde_json::from_str(include_str!("../fixtures/tables.json")).unwrap();
    let [train, test] = ["train", "test"].map(|name| table(peer[name].as_str().unwrap()));

    for (scale, name) in [(Scale::Standard, "standard"), (Scale::MinMax, "min_max")] {
        let columns = ["length", "weight", "constant"]
            .into_iter()
            .fold(Columns::new(), |all, name| {
                all.number(Number::new(name).scale(scale).missing(MissingNumber::Mean))
            });
        let encoder = columns.fit(&train).unwrap();
        let [there, other] = [&train, &test].map(|table| encoder.inputs::<3>(table).unwrap());
        close(there.samples(), &peer[format!("{name}_train")]);
        close(other.samples(), &peer[format!("{name}_test")]);
    }

    let one_hot = |column: Category, name: &str, has_train: bool| {
        let encoder = Columns::new().category(column).fit(&train).unwrap();
        let names = encoder.feature_names();
        let categories: Vec<_> = names
            .iter()
            .map(|it| it.split_once('=').unwrap().1.to_owned())
            .collect();
        assert_eq!(serde_json::to_value(&categories).unwrap(), peer[name]);
        for (table, part) in [(&train, "train"), (&test, "test")] {
            if part == "train" && !has_train {
                continue;
            }
            let made: Vec<Vec<f64>> = match categories.len() {
                2 => wide(encoder.inputs::<2>(table).unwrap().samples()),
                3 => wide(encoder.inputs::<3>(table).unwrap().samples()),
                _ => wide(encoder.inputs::<5>(table).unwrap().samples()),
            };
            assert_eq!(made, rows(&peer[format!("{name}_{part}")]));
        }
    };
    one_hot(
        Category::new("island").unknown(Unknown::Zeros),
        "islands",
        true,
    );
    one_hot(
        Category::new("sex").missing(MissingCategory::MostFrequent),
        "sexes",
        true,
    );
    // Numbers are sorted as numbers: 99 comes first.
    one_hot(Category::new("year"), "years", false);
}

fn wide<const N: usize>(rows: &[[f32; N]]) -> Vec<Vec<f64>> {
    let row = |row: &[f32; N]| row.iter().map(|&x| x.into()).collect();
    rows.iter().map(row).collect()
}

#[test]
fn files_as_programs_write_them_are_read() {
    let plain = "a,b\n1,x\n2,\"y, z\"\n";
    let columns = |table: &Table| {
        let of = |name| -> Vec<Option<String>> {
            table
                .column(name)
                .unwrap()
                .into_iter()
                .map(|text| text.map(str::to_owned))
                .collect()
        };
        (of("a"), of("b"))
    };
    let wanted = columns(&table(plain));
    assert_eq!(wanted.1, [Some("x".to_owned()), Some("y, z".to_owned())]);
    for text in [
        plain.replace('\n', "\r\n"),
        format!("\u{feff}{plain}"),
        format!("\u{feff}{}", plain.replace('\n', "\r\n")),
        plain.trim_end().to_owned(),
        format!("\n\r\n{}\n\n\r\n", plain.replace("\n1", "\n\n1")),
        plain
            .replace("1", " 1 ")
            .replace("a,", "a , ")
            .replace(", b", ",b"),
        "\"a\",\"b\"\n\"1\",\"x\"\n\"2\",\"y, z\"".to_owned(),
    ] {
        assert_eq!(columns(&table(&text)), wanted, "{text:?}");
    }
    // Line ends and quotes inside of a field, and the lines behind it.
    let text = "a,b\r\n1,\"x\r\ny \"\"z\"\"\"\r\n\r\n2,\r\n";
    let multi = table(text);
    assert_eq!(multi.column("b").unwrap(), [Some("x\r\ny \"z\""), None]);
    let lines: Vec<_> = (0..2).map(|at| multi.get(at).unwrap().line()).collect();
    assert_eq!(lines, [Some(2), Some(5)]);

    let csv = Csv::new()
        .delimiter(b'\t')
        .quote(None)
        .missing(["?"])
        .names(["a", "b"]);
    let tabs = csv.parse("1\t5\"\n?\tNA\n").unwrap();
    assert_eq!(
        columns(&tabs),
        (
            vec![Some("1".into()), None],
            vec![Some("5\"".into()), Some("NA".into())]
        )
    );
    for none in ["", "NA", "NaN", "nan", "N/A", "null", "NULL", "  "] {
        assert_eq!(
            table(&format!("a,b\n{none},1")).column("a").unwrap(),
            [None]
        );
    }
    assert!(table("a,b\n").is_empty());
    assert!(table("a,b").is_empty());
    // Columns without names are there, but can't be asked for twice over.
    assert_eq!(table(",a,\n0,1,2\n").names(), ["", "a", ""]);
}

#[test]
fn what_is_no_table_is_refused_with_its_line() {
    let parse = |text: &str| error(Table::parse(text));
    assert_eq!(
        parse(""),
        "text: it is empty; a table begins with a line of column names (or see `Csv::names`)"
    );
    assert_eq!(parse("\n\r\n\n"), parse(""));
    assert_eq!(parse("\u{feff}"), parse(""));
    assert_eq!(
        parse("a,b,a\n"),
        "text, line 1, column `a`: columns 1 and 3 have the same name; rename one of them, or give all names with `Csv::names`"
    );
    for end in ["\n", "\r\n"] {
        let text = ["a,b", "1,\"2", "3\"", "", "4", "5,6"].join(end);
        assert_eq!(
            parse(&text),
            "text, line 5: 1 fields where there are 2 columns; is there a separator too many or too few, or a quote that is \
             missing?"
        );
        let text = ["a,b", "1,2", "3,\"4", "5,6", ""].join(end);
        assert_eq!(
            parse(&text),
            "text, line 3: a quote is opened here, or after here, and never closed; close it, or see `Csv::quote`"
        );
        // The same quote, closed by the file's last letter.
        assert_eq!(table(&format!("{text}\"")).len(), 2);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.csv");
    fs::write(&file, b"a,b\n1,2\n3,\xff\n").unwrap();
    let shown = file.display();
    assert_eq!(
        error(Table::open(&file)),
        format!("{shown}, line 3: it is no text in UTF-8; save it as CSV in UTF-8")
    );
    fs::remove_file(&file).unwrap();
    assert!(error(Table::open(&file)).starts_with(&format!("{shown}: can't read it (")));
    assert!(error(Table::open(folder.path())).contains("can't read it ("));
}

#[test]
fn columns_that_do_not_fit_are_named() {
    let houses = table("area,city,price\n50,A,200\n,B,210\nlarge,A,220\n");
    let fit = |columns: Columns| error(columns.fit(&houses));
    assert_eq!(
        fit(Columns::new().number("size")),
        "text, column `size`: there is no such column; the columns are `area`, `city`, `price`"
    );
    assert_eq!(
        fit(Columns::new().number("area")),
        "text, line 3, column `area`: there is no value; say what should become of such rows with `missing`, or fill it in"
    );
    let mean = || Number::new("area").missing(MissingNumber::Mean);
    assert_eq!(
        fit(Columns::new().number(mean())),
        "text, line 4, column `area`: `large` is no finite number; repair it, read the column as a category, or name such \
         values with `Csv::missing`"
    );
    assert_eq!(
        fit(Columns::new()),
        "text: no column is an input; name some with `number` or `category`"
    );
    assert_eq!(
        fit(Columns::new().number("price").target("price")),
        "text, column `price`: the column is named twice; name each input and target once"
    );
    assert!(fit(Columns::new().numbers(["price", "price"])).contains("named twice"));
    for text in ["inf", "-inf", "1e999", "NaN", "0x10", "1,5", "1_000"] {
        let csv = Csv::new().delimiter(b';').missing([""; 0]);
        let odd = csv.parse(&format!("a\n{text}\n")).unwrap();
        assert!(
            error(Columns::new().number("a").fit(&odd)).contains("is no finite number"),
            "{text}"
        );
    }
    assert!(matches!(
        Columns::new().number("a").fit(&table("a\n")),
        Err(DataError::Empty)
    ));
    let gaps = table("a,b\n,1\n,2\n");
    let all = Number::new("a").missing(MissingNumber::Mean);
    assert!(error(Columns::new().number(all).fit(&gaps)).contains("no row has a value there"));
    let all = Category::new("a").missing(MissingCategory::MostFrequent);
    assert!(error(Columns::new().category(all).fit(&gaps)).contains("no row has a value there"));
    let all = Number::new("a").missing(MissingNumber::Drop);
    assert_eq!(
        error(Columns::new().number(all).fit(&gaps)),
        "text: each of the 2 row(s) lacks a value that is needed, so none is left"
    );
    let huge = table("a\n1e308\n-1e308\n1.7e308\n");
    assert!(error(Columns::new().number("a").fit(&huge)).contains("too large for a mean"));
    let raw = Columns::new()
        .number(Number::new("a").scale(Scale::None))
        .fit(&huge)
        .unwrap();
    assert!(error(raw.inputs::<1>(&huge)).contains("too large for a number of 32 bits"));
}

#[test]
fn types_that_do_not_fit_are_told_what_would() {
    let train = table("x,c,y,k\n1,a,1,p\n2,b,2,q\n3,a,3,r\n");
    let columns = Columns::new().number("x").category("c");
    let encoder = columns.clone().target("y").fit(&train).unwrap();
    assert_eq!(encoder.width(), 3);
    assert_eq!(
        error(encoder.regression::<2, 1>(&train)),
        "text: the columns make 3 numbers for each row, but the type says 2: `x`, `c=a`, `c=b`"
    );
    assert_eq!(
        error(encoder.regression::<3, 2>(&train)),
        "text: there are 1 numbers as targets, but the type says 2; name as many with `target`"
    );
    assert_eq!(
        error(encoder.classification::<3, 2>(&train)),
        "text: the encoder has no class; name one with `class` before it is fitted"
    );
    let classes = columns.clone().class("k").fit(&train).unwrap();
    assert_eq!(
        error(classes.classification::<3, 2>(&train)),
        "text: there are 3 classes, but the type says 2: `p`, `q`, `r`"
    );
    assert!(error(classes.regression::<3, 1>(&train)).contains("no number as a target"));
    let other = table("k,c,x\ns,a,5\n");
    assert_eq!(
        error(classes.classification::<3, 3>(&other)),
        "text, line 2, column `k`: `s` is none of the classes that were fitted, `p`, `q`, `r`"
    );
    // Columns are found by name, wherever they are; targets need not be there to predict.
    let input = encoder.inputs::<3>(&table("c,z,x\nb,0,2\n")).unwrap();
    assert_eq!(input.samples(), [[0.0, 0.0, 1.0]]);
    assert!(
        error(encoder.regression::<3, 1>(&other)).contains("column `y`: there is no such column")
    );
}

/// A table with gaps in all columns.
const GAPS: &str = "x,c,y\n1,a,10\n,a,20\n3,,30\n5,b,40\n3,b,\n";

#[test]
fn gaps_are_what_the_policy_says() {
    let train = table(GAPS);
    let x = |missing| Number::new("x").scale(Scale::None).missing(missing);
    let of = |column: Number| {
        let encoder = Columns::new().number(column).fit(&train).unwrap();
        let encoded = encoder.inputs::<1>(&train).unwrap();
        (encoded.samples().concat(), encoded.dropped().to_vec())
    };
    assert_eq!(
        of(x(MissingNumber::Value(-7.0))).0,
        [1.0, -7.0, 3.0, 5.0, 3.0]
    );
    assert_eq!(of(x(MissingNumber::Mean)).0, [1.0, 3.0, 3.0, 5.0, 3.0]);
    assert_eq!(
        of(x(MissingNumber::Drop)),
        (vec![1.0, 3.0, 5.0, 3.0], vec![Some(3)])
    );
    let indicator = Columns::new()
        .number(x(MissingNumber::Indicator))
        .fit(&train)
        .unwrap();
    assert_eq!(indicator.feature_names(), ["x", "x is missing"]);
    let made = indicator.inputs::<2>(&train).unwrap();
    assert_eq!(
        made.samples(),
        [[1.0, 0.0], [3.0, 1.0], [3.0, 0.0], [5.0, 0.0], [3.0, 0.0]]
    );

    let c = |missing| Columns::new().category(Category::new("c").missing(missing));
    let two = |missing| {
        c(missing)
            .fit(&train)
            .unwrap()
            .inputs::<2>(&train)
            .unwrap()
            .samples()
            .to_vec()
    };
    let (a, b) = ([1.0, 0.0], [0.0, 1.0]);
    assert_eq!(two(MissingCategory::MostFrequent), [a, a, a, b, b]);
    assert_eq!(two(MissingCategory::Drop), [a, a, b, b]);
    assert_eq!(two(MissingCategory::Value("b".into())), [a, a, b, b, b]);
    let own = c(MissingCategory::Value("none".into()))
        .fit(&train)
        .unwrap();
    assert_eq!(own.feature_names(), ["c=a", "c=b", "c=none"]);
    let indicator = c(MissingCategory::Indicator).fit(&train).unwrap();
    assert_eq!(indicator.feature_names(), ["c=a", "c=b", "c is missing"]);
    assert_eq!(
        indicator.inputs::<3>(&train).unwrap().samples()[2],
        [0.0, 0.0, 1.0]
    );
    assert!(error(c(MissingCategory::Error).fit(&train)).starts_with("text, line 4, column `c`"));

    // Rows that are dropped teach nothing: of x = 1, 3, 5.
    let columns = || {
        Columns::new()
            .number(x(MissingNumber::Drop).scale(Scale::Standard))
            .target("y")
    };
    assert!(
        error(columns().fit(&train)).starts_with("text, line 6, column `y`: there is no value")
    );
    let encoder = columns().drop_without_target().fit(&train).unwrap();
    let made = encoder.regression::<1, 1>(&train).unwrap();
    assert_eq!(made.lines(), [Some(2), Some(4), Some(5)]);
    assert_eq!(made.dropped(), [Some(3), Some(6)]);
    assert_eq!(made.samples()[1].0, [0.0]);
    // A deviation of sqrt(8 / 3).
    assert!((made.samples()[2].0[0] - 1.224_744_9).abs() < 1e-6);
    let targets: Vec<f32> = made.samples().iter().map(|(_, [y])| *y).collect();
    for (made, wanted) in encoder
        .unscaled(&targets)
        .into_iter()
        .zip([10.0, 30.0, 40.0])
    {
        assert!((made - wanted).abs() < 1e-5);
    }
}

#[test]
fn what_was_never_seen_is_what_the_policy_says() {
    let train = table("c\na\nb\nb\n");
    let seen = table("c\nb\nnew\n");
    let fit = |column: Category| Columns::new().category(column).fit(&train).unwrap();
    let c = || Category::new("c");
    assert_eq!(
        error(fit(c()).inputs::<2>(&seen)),
        "text, line 3, column `c`: `new` was not among the 2 categories that were fitted; fit on rows that have it, or see \
         `Unknown`"
    );
    let (a, b) = ([1.0, 0.0], [0.0, 1.0]);
    let two = |column: Category| fit(column).inputs::<2>(&seen).unwrap();
    assert_eq!(two(c().unknown(Unknown::Zeros)).samples(), [b, [0.0; 2]]);
    assert_eq!(two(c().unknown(Unknown::MostFrequent)).samples(), [b, b]);
    let dropped = two(c().unknown(Unknown::Drop));
    assert_eq!(
        (dropped.samples(), dropped.dropped()),
        (&[b][..], &[Some(3)][..])
    );
    let as_missing = c()
        .unknown(Unknown::Missing)
        .missing(MissingCategory::Value("a".into()));
    assert_eq!(two(as_missing).samples(), [b, a]);
    assert!(
        error(fit(c().unknown(Unknown::Missing)).inputs::<2>(&seen)).contains("there is no value")
    );

    let encoder = fit(c().unknown(Unknown::Drop));
    assert!(error(encoder.row::<2>([("c", "new")])).contains("leaves a row out"));
    assert_eq!(
        encoder.row([("c", " a "), ("d", "passed over")]).unwrap(),
        a
    );
    let none: [(&str, &str); 0] = [];
    assert_eq!(
        error(encoder.row::<2>(none)),
        "row, column `c`: there is no value; say what should become of such rows with `missing`, or fill it in"
    );
}

#[test]
fn an_encoder_that_was_saved_is_the_same() {
    let train = table("x,z,c,k\n0.1,3,a,no\n0.7,,b,yes\n12345.678,9,,no\n");
    let encoder = Columns::new()
        .number("x")
        .number(
            Number::new("z")
                .missing(MissingNumber::Indicator)
                .scale(Scale::MinMax),
        )
        .category(
            Category::new("c")
                .missing(MissingCategory::Indicator)
                .unknown(Unknown::Zeros),
        )
        .class("k")
        .fit(&train)
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("encoder.json");
    encoder.save(&file).unwrap();
    let loaded = TableEncoder::load(&file).unwrap();
    assert_eq!(loaded, encoder);
    assert_eq!(loaded.classes(), ["no", "yes"]);
    let [a, b] = [&encoder, &loaded].map(|it| it.classification::<6, 2>(&train).unwrap());
    assert_eq!(a, b);
    // A row given as texts is that row of the file.
    let row = loaded
        .row::<6>([("x", "0.7"), ("c", "b"), ("z", "")])
        .unwrap();
    assert_eq!(a.samples()[1].input(), row);
    assert_eq!(a.label(1).unwrap(), 1);
    // As a part of something else.
    let inside = serde_json::to_string(&vec![&encoder]).unwrap();
    let inside: Vec<TableEncoder> = serde_json::from_str(&inside).unwrap();
    assert_eq!(inside[0], encoder);

    let json = encoder.to_json();
    assert_eq!(TableEncoder::from_json(&json).unwrap(), encoder);
    let mut value: Value = serde_json::from_str(&json).unwrap();
    value["inputs"][0]["number"]["scale"] = 0.0.into();
    assert_eq!(
        error(TableEncoder::from_json(&value.to_string())),
        "text: it is no encoder of a table (column `x` has no usable mean and scale); save one with `TableEncoder::save`"
    );
    for text in ["", "{}", "[1]", &json[..json.len() / 2]] {
        fs::write(&file, text).unwrap();
        assert!(
            error(TableEncoder::load(&file)).contains("no encoder of a table"),
            "{text}"
        );
    }
    assert!(error(encoder.save(folder.path().join("no/folder.json"))).contains("can't write it"));
}

#[test]
fn a_table_goes_through_the_whole_loader() {
    let mut text = "group,x,y\n".to_owned();
    for row in 0..53 {
        text += &format!("{},{row},{}\n", row % 7, 2 * row);
    }
    let whole = table(&text);
    let groups = whole.column("group").unwrap();
    let (train, test) = (&whole)
        .split_grouped(0.7, 3, |index| groups[index])
        .unwrap();
    let raw = |name| Number::new(name).scale(Scale::None);
    let encoder = Columns::new()
        .number(raw("x"))
        .target(raw("y"))
        .fit(&train)
        .unwrap();
    let data = encoder.regression::<1, 1>(&train).unwrap();
    assert_eq!(data.len() + test.len(), 53);
    let dev = Cpu::default();
    let loader = DataLoader::<_, 8>::new(data).unwrap().last(LastBatch::Pad);
    let read = |workers| -> Vec<f32> {
        let loader = loader.clone().workers(workers);
        let batches = loader.epoch(&dev, 2).flat_map(|(x, y)| {
            assert_eq!((x.clone() * 2.0).as_vec(), y.as_vec());
            x.as_vec()
        });
        batches.collect()
    };
    assert_eq!(read(0), read(2));
    let order = loader.order(2);
    let wanted = order
        .iter()
        .cycle()
        .take(loader.len() * 8)
        .map(|&at| train.get(at).unwrap());
    let wanted: Vec<f32> = wanted
        .map(|row| row.value("x").unwrap().unwrap().parse().unwrap())
        .collect();
    assert_eq!(read(0), wanted);
}

/// Whatever is in a file, there is a table or an error, an encoder or an error, and samples or an error.
#[test]
fn nothing_panics() {
    let pieces = [
        "a", "b", ",", ",", "\n", "\n", "\r\n", "\"", "\"\"", "1", "-2.5", "1e400", "1e308", "NaN",
        " ", "\u{feff}", "é", "a,b\n", "x", "\r", ";", "\u{0}", "NA",
    ];
    let mut rng = StdRng::seed_from_u64(1);
    let (mut tables, mut encoders) = (0, 0);
    for _ in 0..20_000 {
        let mut text = if rng.gen_bool(0.7) {
            "a,b\n".to_owned()
        } else {
            String::new()
        };
        // Half of the files are nearly tables.
        let fields = ["1", "-2.5", "7", "", "x", "x", "\"q,\"\"\"", " 3 ", "1e308"];
        let nearly = rng.gen_bool(0.5);
        for _ in 0..rng.gen_range(0..20) {
            if nearly {
                let field = |rng: &mut StdRng| *fields.choose(rng).unwrap();
                let numbers = ["1", "2.5", "", "-4", "1e308"];
                let number = numbers.choose(&mut rng).unwrap();
                text += &format!("{number},{}\n", field(&mut rng));
            }
            if !nearly || rng.gen_bool(0.02) {
                text += pieces.choose(&mut rng).unwrap();
            }
        }
        let mut csv = Csv::new();
        if rng.gen_bool(0.2) {
            csv = csv.quote(
                *[None, Some(b','), Some(b'\n'), Some(0xff)]
                    .choose(&mut rng)
                    .unwrap(),
            );
        }
        if rng.gen_bool(0.2) {
            csv = csv.delimiter(*b";\"\n\xff".choose(&mut rng).unwrap());
        }
        if rng.gen_bool(0.2) {
            csv = csv.names(["a", "b"]);
        }
        let Ok(table) = csv.parse(&text) else {
            continue;
        };
        tables += 1;
        let numbers = [
            MissingNumber::Error,
            MissingNumber::Drop,
            MissingNumber::Value(f64::NAN),
            MissingNumber::Value(1.0),
            MissingNumber::Mean,
            MissingNumber::Indicator,
        ];
        let categories = [
            MissingCategory::Error,
            MissingCategory::Drop,
            MissingCategory::Value("x".into()),
            MissingCategory::MostFrequent,
            MissingCategory::Indicator,
        ];
        let unknown = [
            Unknown::Error,
            Unknown::Drop,
            Unknown::Zeros,
            Unknown::MostFrequent,
            Unknown::Missing,
        ];
        let scales = [Scale::Standard, Scale::MinMax, Scale::None];
        let number = Number::new(if rng.gen_bool(0.5) { "a" } else { "b" })
            .missing(*numbers.choose(&mut rng).unwrap())
            .scale(*scales.choose(&mut rng).unwrap());
        let category = Category::new("b")
            .missing(categories.choose(&mut rng).unwrap().clone())
            .unknown(*unknown.choose(&mut rng).unwrap());
        let columns = match rng.gen_range(0..4) {
            0 => Columns::new().number(number),
            1 => Columns::new().category(category).target(number),
            2 => Columns::new().number(number).class("b"),
            _ => Columns::new()
                .number(number)
                .category(category)
                .drop_without_target(),
        };
        let half = (&table).take_first(table.len().div_ceil(2));
        let Ok(encoder) = columns.fit(&half) else {
            continue;
        };
        encoders += 1;
        assert_eq!(
            TableEncoder::from_json(&encoder.to_json()).unwrap(),
            encoder
        );
        assert_eq!(encoder.feature_names().len(), encoder.width());
        let _ = encoder.inputs::<1>(&table);
        let _ = encoder.inputs::<2>(&table);
        let _ = encoder.regression::<1, 1>(&table);
        let _ = encoder.classification::<1, 1>(&table);
        let _ = encoder.row::<1>([("a", "1"), ("b", "x")]);
    }
    assert!(tables > 2000 && encoders > 500, "{tables} {encoders}");
}
