//! Model files and what is predicted with them: of rows of tables and tensors, bit by bit what `forward` gives; what other programs read in a
//! file; files that are broken in every way. Pictures are tested in `sam-runtime/tests`.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use sam_runtime::{
    data::table::{
        Category, Columns, Encoded, MissingNumber, Number, Table, TableEncoder, Unknown,
    },
    dfdx::{
        nn::builders,
        optim::{Optimizer, Sgd, SgdConfig},
        shapes::Rank1,
    },
    nn::{prelude::*, weights},
    predict::{self, Description, PredictError, Prediction, Predictor, Preprocessing},
    prelude::*,
    run::checkpoint::module_state,
};
use serde_json::{Value, json};

type Net = (
    Linear<5, 6>,
    BatchNorm1D<6>,
    ReLU,
    DropoutPercent<20>,
    Linear<6, 3>,
);
type Samples = Encoded<Sample<Rank1<5>, 3>>;

/// Flowers with gaps: more than the 64 of one batch, and no multiple of it.
fn flowers() -> Table {
    let mut text = "kind,colour,length,weight\n".to_owned();
    for i in 0..150 {
        let kind = ["iris", "lily", "rose"][i % 3];
        let colour = ["red", "blue"][i / 3 % 2];
        let length = (i % 11 != 4).then(|| (20 + 7 * (i % 3) + i % 5) as f64 / 10.0);
        let weight = (i % 9 != 2).then(|| 100 + 13 * (i % 7));
        let texts = [length.map(|x| x.to_string()), weight.map(|x| x.to_string())];
        let [length, weight] = texts.map(Option::unwrap_or_default);
        text += &format!("{kind},{colour},{length},{weight}\n");
    }
    Table::parse(&text).unwrap()
}

fn encoder(table: &Table) -> TableEncoder {
    Columns::new()
        .number(Number::new("length").missing(MissingNumber::Mean))
        .number(Number::new("weight").missing(MissingNumber::Indicator))
        .category(Category::new("colour").unknown(Unknown::Zeros))
        .class("kind")
        .fit(table)
        .unwrap()
}

/// A network that has learned a little, so that its running statistics are no longer those of the beginning.
fn trained(samples: &Samples) -> Built<Net> {
    let dev = Cpu::seed_from_u64(3);
    let mut net = dev.build_module::<Net, f32>();
    let config = SgdConfig {
        lr: 0.3,
        ..Default::default()
    };
    let mut opt = Sgd::new(&net, config);
    let loader = DataLoader::<_, 10>::new(samples.clone()).unwrap();
    for (x, y) in (0..5).flat_map(|epoch| loader.epoch(&dev, epoch)) {
        let logits = net.forward_mut(x.traced(net.alloc_grads()));
        let grads = cross_entropy_with_logits_loss(logits, y).backward();
        opt.update(&mut net, &grads).unwrap();
    }
    net
}

/// A table, its encoder, its samples, and a network for them.
fn model() -> (Table, TableEncoder, Samples, Built<Net>) {
    let table = flowers();
    let encoder = encoder(&table);
    let samples = encoder.classification::<5, 3>(&table).unwrap();
    let net = trained(&samples);
    (table, encoder, samples, net)
}

/// What `forward` gives for the batches of a loader's evaluation, row by row.
fn logits(net: &Built<Net>, samples: &Samples, batch: usize) -> Vec<Vec<f32>> {
    let dev = Cpu::default();
    let batches = chunks(samples, &dev, batch).map(|(x, _)| net.forward(x).as_vec());
    let rows = batches.flat_map(|batch| batch.chunks(3).map(<[f32]>::to_vec).collect::<Vec<_>>());
    rows.collect()
}

fn path(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("model.safetensors")
}

#[test]
fn rows_are_predicted_bit_by_bit_as_forward_does() {
    let (table, encoder, samples, net) = model();
    assert_eq!(samples.len(), 150);
    let dir = tempfile::tempdir().unwrap();
    predict::save(&net, path(&dir), &encoder).unwrap();
    let dev = Cpu::default();
    let predictor = Predictor::<Net, Rank1<5>>::open(path(&dir), &dev).unwrap();
    assert_eq!(
        predictor.description().class_names(),
        ["iris", "lily", "rose"]
    );

    // By the encoder that the file has, batch by batch.
    for batch in [64, 7] {
        let predictor = Predictor::<Net, Rank1<5>>::open(path(&dir), &dev).unwrap();
        let predictor = predictor.batch(batch);
        let said: Vec<_> = predictor.rows(&table).map(Result::unwrap).collect();
        let wanted = logits(&net, &samples, batch);
        assert_eq!(said.len(), 150);
        for (said, wanted) in said.iter().zip(&wanted) {
            assert_eq!(said.logits(), wanted);
        }
        let kinds = table.column("kind").unwrap().into_iter().flatten();
        let right = said
            .iter()
            .zip(kinds)
            .filter(|(said, kind)| said.name() == *kind);
        assert!(right.count() > 75, "it has learned something");
    }

    // One by one: by names, in the order of the inputs, as a table of one row.
    let wanted = logits(&net, &samples, 1);
    for index in [0, 2, 4, 149] {
        let row = table.get(index).unwrap();
        let text = |name| row.value(name).unwrap().unwrap_or("");
        let names = ["weight", "kind", "colour", "length"];
        let named = predictor.row(names.map(|name| (name, text(name)))).unwrap();
        let inputs = ["length", "weight", "colour"];
        let fields = predictor.fields(inputs.map(text)).unwrap();
        assert_eq!(named.logits(), wanted[index]);
        assert_eq!(fields, named);
        let other = format!(
            "n,length,colour,weight\n1,{},{},{}",
            text("length"),
            text("colour"),
            text("weight")
        );
        let other = Table::parse(&other).unwrap();
        let alone: Vec<_> = predictor.rows(&other).map(Result::unwrap).collect();
        assert_eq!(alone, [named]);
    }
    assert_eq!(encoder.columns(), ["length", "weight", "colour"]);
}

#[test]
fn a_row_that_can_not_be_read_is_an_error_in_its_place() {
    let (_, encoder, _, net) = model();
    let dev = Cpu::default();
    let predictor = Predictor::<Net, Rank1<5>>::new(net, &dev, &encoder).unwrap();
    let table =
        Table::parse("length,weight,colour\n2,100,red\nlong,100,red\n3,,green\n4,120,\n").unwrap();
    for batch in [1, 2, 3, 64] {
        let predictor = Predictor::<Net, Rank1<5>>::new(predictor.net().clone(), &dev, &encoder);
        let predictor = predictor.unwrap().batch(batch);
        let said: Vec<Result<_, String>> = predictor
            .rows(&table)
            .map(|row| row.map_err(|error| error.to_string()))
            .collect();
        assert!(said[0].is_ok() && said[2].is_ok() && said.len() == 4);
        let error = said[1].as_ref().unwrap_err();
        assert!(
            error.starts_with("text, line 3, column `length`: `long` is no finite number"),
            "{error}"
        );
        let error = said[3].as_ref().unwrap_err();
        assert!(
            error.starts_with("text, line 5, column `colour`: there is no value"),
            "{error}"
        );
    }
    let refused = |result: Result<Prediction, PredictError>, wanted: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{error}");
    };
    refused(
        predictor.fields(["1", "2"]),
        "row: 2 values were given for the columns `length`, `weight`, `colour`; give one for each",
    );
    refused(
        predictor.row([("colour", "red"), ("length", "x")]),
        "row, column `length`: `x` is no",
    );
    // A table without one of the columns has no prediction, but an error for each row.
    let without = Table::parse("length,weight\n1,2\n3,4\n").unwrap();
    assert_eq!(predictor.rows(&without).filter(Result::is_err).count(), 2);
    assert_eq!(
        predictor.rows(&Table::parse("length\n").unwrap()).count(),
        0
    );
}

#[test]
fn numbers_are_in_the_units_of_the_table() {
    type House = (Linear<2, 4>, Tanh, Linear<4, 2>);
    let table =
        Table::parse("area,rooms,price,rent\n50,2,200,8\n80,3,260,11\n65,3,230,14\n").unwrap();
    let columns = Columns::new()
        .numbers(["area", "rooms"])
        .target("price")
        .target("rent");
    let encoder = columns.fit(&table).unwrap();
    let dev = Cpu::seed_from_u64(1);
    let net = dev.build_module::<House, f32>();
    let dir = tempfile::tempdir().unwrap();
    predict::save(&net, path(&dir), &encoder).unwrap();
    let predictor = Predictor::<House, Rank1<2>>::open(path(&dir), &dev).unwrap();
    assert!(predictor.description().class_names().is_empty());

    let said = predictor.row([("area", "80"), ("rooms", "3")]).unwrap();
    // Means and deviations of the population, by hand.
    let deviation = |all: [f64; 3]| {
        let mean = all.iter().sum::<f64>() / 3.0;
        let squares = all.map(|x| (x - mean).powi(2));
        (mean, (squares.iter().sum::<f64>() / 3.0).sqrt())
    };
    let scaled = |x: f64, (mean, deviation): (f64, f64)| ((x - mean) / deviation) as f32;
    let x = [
        scaled(80.0, deviation([50.0, 80.0, 65.0])),
        scaled(3.0, deviation([2.0, 3.0, 3.0])),
    ];
    let wanted = net.forward(dev.tensor([x])).array()[0];
    let logits = said.logits();
    assert!(logits.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6));
    let units = [
        deviation([200.0, 260.0, 230.0]),
        deviation([8.0, 11.0, 14.0]),
    ];
    for ((value, y), (mean, deviation)) in said.values().into_iter().zip(logits).zip(units) {
        assert!(
            (value - (f64::from(*y) * deviation + mean)).abs() < 1e-9,
            "{value}"
        );
    }
    assert_eq!(said.value(), said.values()[0]);
    assert_eq!(
        said.to_string(),
        format!("{}, {}", said.values()[0], said.values()[1])
    );
}

#[test]
fn tensors_are_predicted_as_they_are() {
    type Images = (Conv2D<1, 2, 3>, ReLU, (Flatten2D, Linear<18, 4>));
    let dev = Cpu::seed_from_u64(5);
    let net = dev.build_module::<Images, f32>();
    let dir = tempfile::tempdir().unwrap();
    let about = Description::new().classes(["a", "b", "c", "d"]);
    predict::save(&net, path(&dir), &about).unwrap();
    let predictor = Predictor::<Images>::open(path(&dir), &dev).unwrap();
    assert_eq!(predictor.description(), &about);
    assert_eq!(*about.preprocessing(), Preprocessing::None);

    let x: Tensor<Rank4<3, 1, 5, 5>, f32, _> = dev.sample_normal();
    let wanted = net.forward(x.clone()).array();
    let shares = net.forward(x.clone()).softmax::<Axis<1>>().array();
    let found = predictor.tensor(x.clone()).unwrap();
    for ((found, wanted), shares) in found.iter().zip(wanted).zip(shares) {
        assert_eq!(found.logits(), wanted);
        for (found, wanted) in found.probabilities().iter().zip(shares) {
            assert!((found - wanted).abs() < 1e-6);
        }
        let best = found.top(1)[0].clone();
        assert_eq!((best.class, best.name), (found.class(), found.name()));
        assert!(wanted.iter().all(|x| *x <= wanted[found.class()]));
    }
    // As many as only the run knows, and as few as one.
    let shape = (3_usize, Const::<1>, Const::<5>, Const::<5>);
    let many = dev.tensor_from_vec(x.as_vec(), shape);
    assert_eq!(predictor.tensor(many).unwrap(), found);
    type OfDfdx = builders::Linear<2, 3>; // it takes single vectors, too
    let linear = dev.build_module::<OfDfdx, f32>();
    let one: Tensor<Rank1<2>, f32, _> = dev.sample_normal();
    let wanted = linear.forward(one.clone()).array();
    let single = Predictor::<OfDfdx>::new(linear, &dev, Description::new()).unwrap();
    let said = single.tensor(one).unwrap();
    assert_eq!((said.len(), said[0].logits()), (1, &wanted[..]));

    let three = Description::new().classes(["a", "b", "c"]);
    let predictor = Predictor::<Images>::new(net, &dev, three).unwrap();
    assert_eq!(
        predictor.tensor(x).unwrap_err().to_string(),
        "the model's file or description has 3 class(es), but the network has 4 output(s); is it that of another network?"
    );
}

#[test]
fn outputs_that_are_no_numbers_are_an_error() {
    let (table, encoder, _, mut net) = model();
    net.4.bias = Cpu::default().tensor([0.0, f32::NAN, 1.0]);
    let predictor = Predictor::<Net, Rank1<5>>::new(net, &Cpu::default(), &encoder).unwrap();
    for said in predictor.rows(&table) {
        let error = said.unwrap_err();
        assert!(matches!(error, PredictError::NotFinite { .. }), "{error}");
    }
}

#[test]
fn threads_share_a_predictor() {
    let (table, encoder, _, net) = model();
    let predictor = Predictor::<Net, Rank1<5>>::new(net, &Cpu::default(), &encoder).unwrap();
    let all = || -> Vec<_> { predictor.rows(&table).map(Result::unwrap).collect() };
    let alone = all();
    std::thread::scope(|scope| {
        let threads = [0; 3].map(|_| scope.spawn(all));
        for thread in threads {
            assert_eq!(thread.join().unwrap(), alone);
        }
    });
}

/// A file as a reader with JSON alone sees it: the header, and the bytes behind it.
fn parts(file: &[u8]) -> (BTreeMap<String, Value>, &[u8]) {
    let (length, rest) = file.split_first_chunk::<8>().unwrap();
    let (header, bytes) = rest.split_at(u64::from_le_bytes(*length) as usize);
    (serde_json::from_slice(header).unwrap(), bytes)
}

/// A file of these parts.
fn joined(header: &BTreeMap<String, Value>, bytes: &[u8]) -> Vec<u8> {
    let text = serde_json::to_vec(header).unwrap();
    [&(text.len() as u64).to_le_bytes(), &text[..], bytes].concat()
}

#[test]
fn a_reader_of_json_finds_all_of_it() {
    let (_, encoder, _, net) = model();
    let dir = tempfile::tempdir().unwrap();
    predict::save(&net, path(&dir), &encoder).unwrap();
    let file = fs::read(path(&dir)).unwrap();
    // The same model is the same file.
    predict::save(&net, path(&dir), Description::new().rows(encoder.clone())).unwrap();
    assert_eq!(fs::read(path(&dir)).unwrap(), file);

    let (header, bytes) = parts(&file);
    assert!(
        (file.len() - bytes.len()).is_multiple_of(8),
        "tensors are aligned"
    );
    let about = &header["__metadata__"];
    let keys: Vec<&String> = about.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["classes", "format", "inputs", "preprocessing", "version"]
    );
    let parsed =
        |key: &str| -> Value { serde_json::from_str(about[key].as_str().unwrap()).unwrap() };
    assert_eq!(parsed("classes"), json!(["iris", "lily", "rose"]));
    assert_eq!(
        (&about["format"], &about["version"]),
        (&json!("sam-train model"), &json!("1"))
    );
    assert_eq!(about["inputs"], "rows");
    let written: Value = serde_json::from_str(&encoder.to_json()).unwrap();
    assert_eq!(parsed("preprocessing"), written);

    // All tensors, and nothing else.
    let state = module_state(&net).unwrap();
    assert_eq!(header.len(), 1 + state.tensors.len());
    for (name, tensor) in &state.tensors {
        let entry = &header[name];
        let [from, to] = [0, 1].map(|at| entry["data_offsets"][at].as_u64().unwrap() as usize);
        assert_eq!(bytes[from..to], tensor.bytes, "{name}");
        assert_eq!(
            (&entry["dtype"], &entry["shape"]),
            (&json!("F32"), &json!(tensor.shape))
        );
    }

    // And the weights alone, as before.
    let mut other = Cpu::seed_from_u64(9).build_module::<Net, f32>();
    weights::load(&mut other, path(&dir)).unwrap();
    assert_eq!(module_state(&other).unwrap(), state);
}

/// Refuses the file, and leaves a network as it was; the text says what is wrong.
#[track_caller]
fn refused(file: &Path, net: &mut Built<Net>) -> String {
    let before = module_state(net).unwrap();
    let error = predict::load(net, file).unwrap_err().to_string();
    assert_eq!(module_state(net).unwrap(), before, "{error}");
    let opened = Predictor::<Net, Rank1<5>>::open(file, &Cpu::default());
    assert_eq!(opened.map(drop).unwrap_err().to_string(), error);
    error
}

#[test]
fn what_is_no_model_file_is_said_to_be_none() {
    let (_, encoder, _, net) = model();
    let dir = tempfile::tempdir().unwrap();
    let file = path(&dir);
    let mut other = Cpu::seed_from_u64(8).build_module::<Net, f32>();
    let mut says = |wanted: &str| {
        let error = refused(&file, &mut other);
        let error = error.strip_prefix(&file.display().to_string()).unwrap();
        assert!(error.starts_with(wanted), "{error}\n{wanted}");
    };
    says(": can't read it (");
    fs::write(&file, "a page of the web").unwrap();
    says(": not a whole safetensors file (");
    weights::save(&net, &file).unwrap();
    says(
        ": has weights at most, and nothing about classes and inputs beside them; save it with `predict::save`, or read its weights \
         with `nn::weights::load`",
    );

    predict::save(&net, &file, &encoder).unwrap();
    let whole = fs::read(&file).unwrap();
    let (header, bytes) = parts(&whole);
    let mut with = |key: &str, text: Option<&str>, wanted: &str| {
        let mut header = header.clone();
        let about = header
            .get_mut("__metadata__")
            .unwrap()
            .as_object_mut()
            .unwrap();
        match text {
            Some(text) => drop(about.insert(key.into(), text.into())),
            None => drop(about.remove(key)),
        }
        fs::write(&file, joined(&header, bytes)).unwrap();
        says(wanted);
    };
    with(
        "format",
        Some("pt"),
        ": no model file of sam-train, but says that it is `pt`; save it with",
    );
    with("format", None, ": has weights at most");
    with(
        "version",
        Some("2"),
        ": its format is of version 2, and this program reads version 1; save it anew, or build with",
    );
    let wrong =
        |key: &str, reason: &str| format!(": `{key}` of its metadata can't be read ({reason}");
    with(
        "version",
        None,
        &wrong(
            "version",
            "it is missing); save it anew with `predict::save`",
        ),
    );
    with("inputs", None, &wrong("inputs", "it is missing"));
    with(
        "inputs",
        Some("sounds"),
        &wrong(
            "inputs",
            "`sounds` is none of `pictures`, `rows` and `tensors`",
        ),
    );
    with("classes", None, &wrong("classes", "it is missing"));
    with(
        "classes",
        Some("iris"),
        &wrong("classes", "expected value at line 1"),
    );
    with(
        "classes",
        Some("{}"),
        &wrong("classes", "invalid type: map"),
    );
    with(
        "classes",
        Some("[\"a\"]"),
        &wrong(
            "classes",
            "1 classes are named, but the encoder of the table has 3",
        ),
    );
    with(
        "preprocessing",
        None,
        &wrong("preprocessing", "it is missing"),
    );
    with(
        "preprocessing",
        Some("{"),
        &wrong("preprocessing", "EOF while parsing"),
    );
    let pictures = r#"{"channels":3,"height":8,"width":8,"fit":"exact","upright":false,"mean":[0.0],"std":[1.0]}"#;
    with(
        "preprocessing",
        Some(pictures),
        &wrong("preprocessing", "unknown field `channels`"),
    );
    // A scale of 0 would make infinity of every row.
    let flat = encoder.to_json().replace("\"scale\": ", "\"scale\": -");
    with(
        "preprocessing",
        Some(&flat),
        &wrong(
            "preprocessing",
            "column `length` has no usable mean and scale",
        ),
    );

    // Tensors of another network, and some that are missing.
    let mut tensors = header.clone();
    let weight = tensors.remove("4.weight").unwrap();
    tensors.insert("head.weight".into(), weight);
    fs::write(&file, joined(&tensors, bytes)).unwrap();
    says(": has no `4.weight`, which the network has");
    let wider = Cpu::default().build_module::<(Linear<5, 7>, Linear<7, 3>), f32>();
    predict::save(&wider, &file, &encoder).unwrap();
    says(": `0.bias` has shape [7], but [6] in the network");

    // And at the end of all that, the whole one.
    fs::write(&file, &whole).unwrap();
    assert_eq!(
        predict::load(&mut other, &file).unwrap(),
        Description::from(&encoder)
    );
    assert_eq!(module_state(&other).unwrap(), module_state(&net).unwrap());
}

#[test]
fn no_part_of_a_file_is_taken_for_the_whole() {
    let (_, encoder, _, net) = model();
    let dir = tempfile::tempdir().unwrap();
    let file = path(&dir);
    predict::save(&net, &file, &encoder).unwrap();
    let whole = fs::read(&file).unwrap();
    let mut other = Cpu::seed_from_u64(8).build_module::<Net, f32>();
    for length in 0..whole.len() {
        fs::write(&file, &whole[..length]).unwrap();
        let error = refused(&file, &mut other);
        assert!(
            error.contains("not a whole safetensors file"),
            "{length}: {error}"
        );
    }
    fs::write(&file, [&whole[..], &[0]].concat()).unwrap();
    refused(&file, &mut other);

    // Bytes that are others: an error or another model, and never half of one.
    let mut rng = StdRng::seed_from_u64(4);
    let header = whole.len() - parts(&whole).1.len();
    for _ in 0..2_000 {
        let mut changed = whole.clone();
        for _ in 0..rng.gen_range(1..4) {
            changed[rng.gen_range(0..header)] = rng.r#gen();
        }
        fs::write(&file, &changed).unwrap();
        let before = module_state(&other).unwrap();
        if predict::load(&mut other, &file).is_err() {
            assert_eq!(module_state(&other).unwrap(), before);
        }
    }
}

#[test]
fn a_type_that_takes_something_else_is_refused() {
    let (_, encoder, _, net) = model();
    let dir = tempfile::tempdir().unwrap();
    let file = path(&dir);
    let dev = Cpu::default();
    let error = |result: Result<(), PredictError>| result.unwrap_err().to_string();
    let name = file.display();

    predict::save(&net, &file, Description::new()).unwrap();
    let opened = Predictor::<Net, Rank1<5>>::open(&file, &dev);
    assert_eq!(
        error(opened.map(drop)),
        format!(
            "{name}: its inputs are tensors, but the predictor's type says rows that make 5 numbers; `Predictor::<Net>` takes them"
        )
    );
    // Pictures, of a network that takes any size of them.
    type Any = (Conv2D<3, 2, 3>, GlobalAvgPool2D, Linear<2, 3>);
    let any = dev.build_module::<Any, f32>();
    predict::save(&any, &file, &encoder).unwrap();
    let opened = Predictor::<Any, Rank3<3, 9, 8>>::open(&file, &dev);
    assert_eq!(
        error(opened.map(drop)),
        format!(
            "{name}: its inputs are rows that make 5 numbers, but the predictor's type says pictures of 3 x 9 x 8; \
             `Predictor::<Net, Rank1<5>>` takes them"
        )
    );
    // Rows of another width.
    let narrow = dev.build_module::<Linear<4, 3>, f32>();
    predict::save(&narrow, &file, &encoder).unwrap();
    assert!(
        error(Predictor::<Linear<4, 3>, Rank1<4>>::open(&file, &dev).map(drop))
            .contains("rows that make 5 numbers, but the predictor's type says rows that make 4")
    );
    // Another number of classes, and of targets.
    let two = dev.build_module::<Linear<5, 2>, f32>();
    let refused = Predictor::<Linear<5, 2>, Rank1<5>>::new(two, &dev, &encoder);
    assert_eq!(
        error(refused.map(drop)),
        "the model's file or description has 3 class(es), but the network has 2 output(s); is it that of another network?"
    );
    let table = Table::parse("x,y\n1,2\n3,4\n").unwrap();
    let regression = Columns::new().number("x").target("y").fit(&table).unwrap();
    let two = dev.build_module::<Linear<1, 2>, f32>();
    let refused = Predictor::<Linear<1, 2>, Rank1<1>>::new(two, &dev, &regression);
    assert!(error(refused.map(drop)).contains("has 1 target(s), but the network has 2 output(s)"));

    // A description that contradicts itself is not saved.
    let about = Description::new().rows(encoder).classes(["a", "b"]);
    fs::remove_file(&file).unwrap();
    assert_eq!(
        error(predict::save(&net, &file, about)),
        "2 classes are named, but the encoder of the table has 3; give one name for each of its classes, or leave `classes` out"
    );
    assert!(!file.exists());
}

#[test]
fn a_single_logit_decides_between_two_classes() {
    let dev = Cpu::default();
    let mut net = dev.build_module::<Linear<1, 1>, f32>();
    net.weight = dev.tensor([[2.0]]);
    net.bias = dev.tensor([-1.0]);
    let about = Description::new().classes(["healthy", "ill"]);
    let predictor = Predictor::<Linear<1, 1>>::new(net, &dev, about).unwrap();
    let said = predictor.tensor(dev.tensor([[2.0_f32], [0.0]])).unwrap();
    assert_eq!([said[0].name(), said[1].name()], ["ill", "healthy"]);
    let sigmoid = |x: f64| (1.0 / (1.0 + (-x).exp())) as f32;
    assert_eq!(
        [said[0].probability(), said[1].probability()],
        [sigmoid(3.0), sigmoid(1.0)]
    );
}

#[test]
fn without_a_target_the_classes_are_named_apart() {
    let table = Table::parse("x\n1\n3\n").unwrap();
    let encoder = Columns::new().number("x").fit(&table).unwrap();
    let dev = Cpu::default();
    let net = dev.build_module::<Linear<1, 2>, f32>();
    let about = Description::new().classes(["low", "high"]).rows(encoder);
    let predictor = Predictor::<Linear<1, 2>, Rank1<1>>::new(net, &dev, about).unwrap();
    let said = predictor.fields(["2"]).unwrap();
    assert!(["low", "high"].contains(&&*said.name()));
}

/// The case for `tests/peers/model_file.py`, in the folder that `SAM_TRAIN_ONNX` names.
#[test]
fn python_is_left_a_case() {
    let Some(folder) = env::var_os("SAM_TRAIN_ONNX").map(PathBuf::from) else {
        return;
    };
    type Plain = (Linear<5, 6>, ReLU, Linear<6, 3>);
    let (table, encoder, ..) = model();
    let dev = Cpu::seed_from_u64(2);
    let net = dev.build_module::<Plain, f32>();
    fs::create_dir_all(&folder).unwrap();
    predict::save(&net, folder.join("model_file.safetensors"), &encoder).unwrap();
    let predictor = Predictor::<Plain, Rank1<5>>::new(net, &dev, &encoder).unwrap();
    let cases = predictor.rows(&table).enumerate().map(|(index, said)| {
        let (row, said) = (table.get(index).unwrap(), said.unwrap());
        let columns = encoder.columns().into_iter();
        let texts: BTreeMap<_, _> = columns
            .map(|name| (name, row.value(name).unwrap()))
            .collect();
        json!({"row": texts, "name": said.name(), "probabilities": said.probabilities()})
    });
    let cases: Vec<Value> = cases.collect();
    let text = serde_json::to_string(&cases).unwrap();
    fs::write(folder.join("model_file.json"), text).unwrap();
}
