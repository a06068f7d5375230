//! What other programs read in a model file.

use super::*;

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
