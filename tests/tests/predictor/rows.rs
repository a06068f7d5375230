//! Rows of tables, by their encoder: bit by bit what `forward` gives.

use super::*;

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
