//! Files that are broken in every way, and types that take something else.

use super::*;

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
