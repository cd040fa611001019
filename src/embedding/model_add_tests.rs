//! Other people's models: what is refused at `model add` and at the start alike, what is taken, and how it is put in place.

use std::path::{Path, PathBuf};

use serde_json::json;
use tempfile::TempDir;

use super::onnx_fixture::{
    FLOAT16, INT64, Operator, TinyModel, UINT8, model, op, op_with, op_with_integer, op_with_integers, png,
    with_external_weights,
};
use super::tests::{ModelFiles, message};
use super::*;

const FREE: [i64; 4] = [-1, 3, 16, 16];

fn mean_colour() -> [Operator; 2] {
    [op("GlobalAveragePool"), op("Flatten")]
}

fn tillsight() -> &'static Preset {
    Preset::named("tillsight").unwrap()
}

/// Drafts and proves the model in `folder`, as `tillsight model add` does.
fn add(folder: &Path, wishes: &ManifestOverrides) -> Result<(Model, SelfTest), ModelError> {
    let model = draft(&folder.join("tiny.onnx"), tillsight(), wishes)?;
    let proof = prove_model(&model, &[])?;
    Ok((model, proof))
}

fn side(side: u32) -> ManifestOverrides {
    ManifestOverrides { side: Some(side), ..ManifestOverrides::default() }
}

#[test]
fn what_cannot_be_used_is_refused_when_it_is_added_and_at_the_start_in_the_same_words() {
    let good = model(&FREE, &mean_colour());
    let tiny = |input: &[i64], chain: &[Operator]| model(input, chain);
    let half = TinyModel { element: FLOAT16, gives: FLOAT16, ..TinyModel::new(&FREE, &mean_colour()) }.write();
    let bytes = TinyModel { element: UINT8, gives: UINT8, ..TinyModel::new(&FREE, &[op("Flatten")]) }.write();
    let any_rank = TinyModel { input: None, ..TinyModel::new(&FREE, &mean_colour()) }.write();
    let counts = [op("GlobalAveragePool"), op("Flatten"), op("Shape")];
    let counts = TinyModel { gives: INT64, ..TinyModel::new(&FREE, &counts) }.write();
    let dim = [op("GlobalAveragePool"), op("Flatten"), op_with("Sub", 0.25), op("Sqrt")];
    let two_inputs = TinyModel { second_input: Some("input_ids"), ..TinyModel::new(&FREE, &mean_colour()) }.write();
    let pooled = |last: Operator| tiny(&FREE, &[op("GlobalAveragePool"), op("Flatten"), last]);
    let constant = [op("GlobalAveragePool"), op("Flatten"), op_with("Mul", 0.0), op_with("Add", 1.0)];
    let cases: [(&[u8], &[&str]); 20] = [
        (b"", &["not an ONNX file", "empty"]),
        (b"not a model", &["not an ONNX file"]),
        (&good[..good.len() - 9], &["not an ONNX file", "cut off"]),
        (&with_external_weights("tiny.onnx.data"), &["tiny.onnx.data", "not there", "onnx.save"]),
        (&tiny(&FREE, &[op("Rubbish")]), &["ONNX Runtime does not take it", "Rubbish"]),
        (&two_inputs, &["2 inputs", "input_ids", "image encoder"]),
        (&half, &["float16", "keep_io_types"]),
        (&bytes, &["uint8", "float32"]),
        (&tiny(&[-1, 16, 16, 3], &[op("Flatten")]), &["N × 16 × 16 × 3", "--inputs-as-nchw"]),
        (&tiny(&[-1, 1, 16, 16], &[op("Flatten")]), &["N × 1 × 16 × 16", "colour"]),
        (&tiny(&[-1, 768], &[op("Sqrt")]), &["N × 768", "N × 3 ×", "from the picture on"]),
        (&any_rank, &["a shape that it does not say", "N × 3 ×", "with its input's shape"]),
        (&counts, &["int64", "float32"]),
        // Good in good light alone.
        (&tiny(&FREE, &dim), &["ordinary picture", "NaN"]),
        (&tiny(&[4, 3, 16, 16], &mean_colour()), &["exactly 4 photos", "dynamic_axes"]),
        (&pooled(op_with("Mul", f32::NAN)), &["NaN"]),
        (&pooled(op_with("Mul", 0.0)), &["length 0"]),
        (&tiny(&FREE, &constant), &["the same embedding", "right output"]),
        (&pooled(op("RandomUniformLike")), &["the second time", ".eval()"]),
        (
            &tiny(&[-1, 3, -1, -1], &[op_with_integers("Reshape", &[-1, 700])]),
            &["does not run on 16 × 16", "another size"],
        ),
    ];
    for (onnx, expected) in cases {
        let files = ModelFiles::new(onnx);
        let at_start = message(files.start());
        let at_add = message(add(files.folder.path(), &side(16)));
        for words in [&at_start, &at_add] {
            assert!(expected.iter().all(|expected| words.contains(expected)), "\"{words}\" lacks {expected:?}");
            assert!(words.contains("tiny.onnx") && !words.contains('\n'), "{words}");
        }
        // What is added has no size yet where its shape is refused.
        assert_eq!(at_start, at_add.replace("height × width", "16 × 16"));
    }
}

#[test]
fn what_a_person_says_wrongly_is_refused_with_what_there_is() {
    let files = ModelFiles::new(&model(&FREE, &mean_colour()));
    let folder = files.folder.path();
    let refused = |wishes: ManifestOverrides| message(add(folder, &wishes));
    let some = |name: &str| Some(name.to_owned());
    for (wishes, expected) in [
        (side(24), "N × 3 × 24 × 24"),
        (
            ManifestOverrides { input: some("picture"), ..ManifestOverrides::default() },
            "called \"picture\"; the graph has \"image\"",
        ),
        (ManifestOverrides { output: some("logits"), ..ManifestOverrides::default() }, "the graph has \"embedding\""),
        (
            ManifestOverrides { pooling: Some(Pooling::Cls), ..ManifestOverrides::default() },
            "cls or mean for N × T × D",
        ),
        (ManifestOverrides { std: Some([0.0; 3]), ..ManifestOverrides::default() }, "--std: 0"),
        (ManifestOverrides { name: some("a/b"), ..ManifestOverrides::default() }, "--name: \"a/b\""),
        (ManifestOverrides { resize_to: Some(8), ..ManifestOverrides::default() }, "--resize-to: 8"),
        (ManifestOverrides { skip_tokens: Some(1), ..ManifestOverrides::default() }, "--skip-tokens: 1"),
    ] {
        let found = refused(wishes);
        assert!(found.contains(expected), "\"{found}\" does not say \"{expected}\"");
        assert!(!found.contains("manifest") && !found.contains(".json"), "there is none yet: {found}");
    }
    let long = ModelFiles::new(&model(&[-1, 3, 64, 64], &[op("Flatten")]));
    let found = message(add(long.folder.path(), &ManifestOverrides::default()));
    assert!(found.contains("12288 is not between 1 and 8192"), "{found}");
    // What nobody asked for is the file's.
    let narrow = ModelFiles::new(&model(&[-1, 3, 4, 4], &mean_colour()));
    let found = message(add(narrow.folder.path(), &ManifestOverrides::default()));
    assert!(found.contains("tiny.onnx: its manifest would have input.width: 4"), "{found}");
    assert!(
        message(draft(Path::new("absent.onnx"), tillsight(), &ManifestOverrides::default())).contains("absent.onnx")
    );
}

#[test]
fn where_two_things_could_be_meant_the_person_is_asked() {
    let chain = [op("GlobalAveragePool"), op("Flatten"), op_with("Add", 0.5), op_with("Mul", 2.0)];
    let named = TinyModel { further_outputs: &["step3"], ..TinyModel::new(&FREE, &chain) }.write();
    let files = ModelFiles::new(&named);
    // One of the two is called as the preset expects.
    assert_eq!(add(files.folder.path(), &ManifestOverrides::default()).unwrap().0.manifest.output.name, "embedding");
    let clip = Preset { outputs: &["image_embeds"], ..*Preset::named("clip").unwrap() };
    let asked = message(draft(&files.folder.path().join("tiny.onnx"), &clip, &ManifestOverrides::default()));
    assert!(asked.contains("--output") && asked.contains("\"step3\"") && asked.contains("\"embedding\""), "{asked}");

    // Three tokens of 256 values.
    let tokens = ModelFiles::new(&model(&FREE, &[op_with_integers("Reshape", &[0, 3, -1])]));
    let asked = message(add(tokens.folder.path(), &ManifestOverrides::default()));
    assert!(asked.contains("--pooling") && asked.contains("1 × 3 × 256"), "{asked}");
    for (pooling, skip_tokens) in [(Pooling::Cls, 0), (Pooling::Mean, 1)] {
        let wishes = ManifestOverrides {
            pooling: Some(pooling),
            skip_tokens: Some(skip_tokens),
            ..ManifestOverrides::default()
        };
        let (model, _) = add(tokens.folder.path(), &wishes).unwrap();
        assert_eq!((model.manifest.output.dim, model.manifest.output.pooling), (256, pooling));
    }
    let all = ManifestOverrides { pooling: Some(Pooling::Mean), skip_tokens: Some(3), ..ManifestOverrides::default() };
    let at_add = message(add(tokens.folder.path(), &all));
    let output = json!({"name": "embedding", "dim": 256, "pooling": "mean", "skip_tokens": 3});
    for words in [at_add, message(tokens.set("/output", output).start())] {
        assert!(words.contains("3 tokens and 3 are to be skipped") && words.contains("all of them"), "{words}");
    }
}

#[test]
fn sides_come_from_the_person_then_the_graph_then_the_preset() {
    let fixed = ModelFiles::new(&model(&[-1, 3, 16, 24], &mean_colour()));
    let (taken, _) = add(fixed.folder.path(), &ManifestOverrides::default()).unwrap();
    assert_eq!((taken.manifest.input.height, taken.manifest.input.width), (16, 24));
    let free = ModelFiles::new(&model(&[-1, 3, -1, -1], &mean_colour()));
    let dinov2 = Preset::named("dinov2").unwrap();
    for (wishes, expected) in [
        (ManifestOverrides::default(), (224, Some(256))),
        (side(448), (448, Some(512))),
        (ManifestOverrides { resize_to: Some(240), ..ManifestOverrides::default() }, (224, Some(240))),
        (ManifestOverrides { resize_to: Some(0), ..ManifestOverrides::default() }, (224, None)),
        (ManifestOverrides { resize: Some(Fit::Stretch), ..ManifestOverrides::default() }, (224, None)),
    ] {
        let input = draft(&free.folder.path().join("tiny.onnx"), dinov2, &wishes).unwrap().manifest.input;
        assert_eq!((input.width, input.resize_to), expected, "{wishes:?}");
    }
}

#[test]
fn maps_are_averaged_and_sides_of_one_are_no_maps() {
    for (chain, pooling) in [(vec![op("Sqrt")], Pooling::Average), (vec![op("GlobalAveragePool")], Pooling::None)] {
        let files = ModelFiles::new(&model(&FREE, &chain));
        let output = add(files.folder.path(), &ManifestOverrides::default()).unwrap().0.manifest.output;
        assert_eq!((output.dim, output.pooling), (3, pooling));
    }
}

#[tokio::test]
async fn a_model_that_does_not_bear_batches_is_fed_one_picture_at_a_time() {
    let pooled = |last: Operator| model(&FREE, &[op("GlobalAveragePool"), op("Flatten"), last]);
    let fixed = model(&[1, 3, 16, 16], &mean_colour());
    let fails = pooled(op_with_integers("Reshape", &[1, 3]));
    // Adds up along the batch: the first picture is right, the others depend on those before them.
    let differs = pooled(op_with_integer("CumSum", 0));
    for (onnx, expected) in [(fixed, "one photo at a time"), (fails, "fails on 8"), (differs, "depends on the others")]
    {
        let files = ModelFiles::new(&onnx);
        let (_, proof) = add(files.folder.path(), &ManifestOverrides::default()).unwrap();
        assert_eq!((proof.max_batch, proof.batch_cosine), (1, None));
        assert!(proof.one_by_one.unwrap().to_string().contains(expected));
        let embedder = std::sync::Arc::new(files.start().unwrap());
        let alone = embedder.embed_photo(png([200, 60, 90])).await.unwrap().embedding;
        let at_once = (0..12).map(|_| {
            let embedder = std::sync::Arc::clone(&embedder);
            tokio::spawn(async move { embedder.embed_photo(png([200, 60, 90])).await.unwrap().embedding })
        });
        for task in at_once.collect::<Vec<_>>() {
            assert_eq!(task.await.unwrap(), alone);
        }
    }
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_model_is_put_in_place_whole_and_nothing_else_is_overwritten_unasked() {
    let files = ModelFiles::new(&model(&FREE, &mean_colour()));
    let (first, _) = add(files.folder.path(), &ManifestOverrides::default()).unwrap();
    let place = TempDir::new().unwrap();
    let folder: PathBuf = place.path().join("models");
    let installed = install(&first, &folder, false).unwrap();
    assert!(!installed.was_there);
    let onnx = |model: &Model| format!("tiny-{}.onnx", &model.manifest.sha256[..12]);
    assert_eq!(names(&folder), [onnx(&first).as_str(), "tiny.json"]);
    let opened = Model::open(&installed.manifest).unwrap();
    assert_eq!((&opened.id, &opened.manifest), (&first.id, &first.manifest));
    assert_eq!(opened.manifest.thresholds.operating_point, None);
    Embedder::start(&opened, EmbedderOptions::default()).unwrap();

    // The same again changes nothing, a calibration since then above all.
    let calibrated = Thresholds { score: 0.77, ..opened.manifest.thresholds };
    calibrated.write_into(&installed.manifest, &first.manifest.sha256).unwrap();
    assert!(install(&first, &folder, false).unwrap().was_there);
    assert_eq!(Manifest::read(&installed.manifest).unwrap().thresholds.score, 0.77);

    // Another model of that name, and the same one fed in another way.
    let other = ModelFiles::new(&model(&FREE, &[op("GlobalMaxPool"), op("Flatten")]));
    let (other, _) = add(other.folder.path(), &ManifestOverrides::default()).unwrap();
    let stretched = ManifestOverrides { resize: Some(Fit::Stretch), ..ManifestOverrides::default() };
    let (stretched, _) = add(files.folder.path(), &stretched).unwrap();
    for model in [&other, &stretched] {
        let refused = message(install(model, &folder, false));
        assert!(refused.contains("tiny.json") && refused.contains("--force"), "{refused}");
        assert_eq!(Model::open(&installed.manifest).unwrap().id, first.id);
        assert_eq!(names(&folder), [onnx(&first).as_str(), "tiny.json"]);
    }
    // The same file and feeding under another version: what was chosen on photos is not thrown away; a guess is.
    let newer = ManifestOverrides { version: Some("2".to_owned()), ..ManifestOverrides::default() };
    let (newer, _) = add(files.folder.path(), &newer).unwrap();
    let over_a_guess = install(&newer, &folder, true).unwrap();
    assert!(!over_a_guess.kept_thresholds && over_a_guess.replaced.unwrap().model_id() == first.id);
    let chosen = Thresholds { score: 0.66, margin: 0.1, operating_point: Some(super::operating_point::tests::point()) };
    chosen.write_into(&installed.manifest, &first.manifest.sha256).unwrap();
    assert!(install(&first, &folder, true).unwrap().kept_thresholds);
    let back = Model::open(&installed.manifest).unwrap();
    assert_eq!((&back.id, &back.manifest.thresholds), (&first.id, &chosen));
    let replaced = install(&other, &folder, true).unwrap();
    assert!(!replaced.kept_thresholds && replaced.replaced.unwrap().thresholds == chosen);
    assert_eq!(Model::open(&installed.manifest).unwrap().id, other.id);
    assert_eq!(names(&folder), [onnx(&other).as_str(), "tiny.json"]);

    // A file that a manifest of somebody's own names as well stays, whatever else that manifest says.
    let own = json!({"file": onnx(&other), "thresholds": "to be chosen"});
    std::fs::write(folder.join("own.json"), format!("\u{feff}{own}")).unwrap();
    std::fs::write(folder.join("page.json"), "<html>").unwrap();
    install(&first, &folder, true).unwrap();
    let mut expected = vec![onnx(&first), onnx(&other), "own.json".into(), "page.json".into(), "tiny.json".into()];
    expected.sort();
    assert_eq!(names(&folder), expected);
}

#[test]
fn what_a_preset_does_not_know_is_doubted_as_when_it_is_looked_at() {
    let files = ModelFiles::new(&model(&FREE, &mean_colour()));
    let file = files.folder.path().join("tiny.onnx");
    for (preset, expected) in [("tillsight", None), ("clip", Some("16 pixels")), ("mobilenet-v2", Some("16 pixels"))] {
        let preset = Preset::named(preset).unwrap();
        let doubt = preset.doubt(&draft(&file, preset, &ManifestOverrides::default()).unwrap().manifest);
        assert_eq!(doubt.is_some(), expected.is_some(), "{doubt:?}");
        assert!(expected.is_none_or(|words| doubt.unwrap().contains(words)), "{}", preset.name);
    }
    let free = ModelFiles::new(&model(&[-1, 3, -1, -1], &mean_colour()));
    let dinov2 = Preset::named("dinov2").unwrap();
    let doubt = dinov2
        .doubt(&draft(&free.folder.path().join("tiny.onnx"), dinov2, &ManifestOverrides::default()).unwrap().manifest);
    assert_eq!(doubt.as_deref(), Some("3 values per picture are none of this family's"));
}

#[test]
fn what_is_no_regular_file_is_refused_before_it_is_opened() {
    for path in ["/dev/zero", "/"] {
        let refused = message(draft(Path::new(path), tillsight(), &ManifestOverrides::default()));
        assert!(refused.contains("it is"), "{refused}");
        let refused = message(Manifest::read(Path::new(path)));
        assert!(refused.contains("it is"), "{refused}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let files = ModelFiles::new(&model(&FREE, &mean_colour()));
    let (model, _) = add(files.folder.path(), &ManifestOverrides::default()).unwrap();
    let refused = message(install(&model, &files.folder.path().join("tiny.onnx/models"), false));
    assert!(refused.contains("cannot write") && refused.contains("tiny.onnx/models"), "{refused}");
}

#[test]
fn a_look_says_what_the_file_is_and_whether_it_can_be_used() {
    let files = ModelFiles::new(&model(&FREE, &[op("GlobalAveragePool"), op("Flatten"), op_with("Add", 0.1)]));
    let seen = inspect(&files.folder.path().join("tiny.onnx")).unwrap();
    assert_eq!((seen.opset, seen.parameters, seen.refusal.as_deref()), (Some(13), Some(1), None));
    assert_eq!(seen.inputs[0].to_string(), "\"image\" float32 N × 3 × 16 × 16");
    assert_eq!((seen.tried_as, seen.manifest.unwrap().output.dim), (Some("tillsight"), 3));
    assert!(seen.one_picture_ms.unwrap() > 0.0 && seen.proof.unwrap().one_by_one.is_none());
    let objection = |name: &str| seen.presets.iter().find(|fit| fit.preset == name).unwrap().objection.clone();
    assert_eq!((objection("tillsight"), objection("timm")), (None, None));
    assert!(objection("dinov2").unwrap().contains("16 pixels"));

    let whole = files.set("/output/dim", json!(4));
    whole.start().unwrap_err();
    let seen = inspect(&whole.folder.path().join("tiny.json")).unwrap();
    assert!(seen.refusal.unwrap().contains("4 values per photo") && seen.tried_as.is_none());

    let elsewhere = ModelFiles::new(&with_external_weights("weights.bin"));
    let seen = inspect(&elsewhere.folder.path().join("tiny.onnx")).unwrap();
    assert_eq!(seen.external_data, ["weights.bin"]);
    assert!(seen.inputs.is_empty() && seen.refusal.unwrap().contains("weights.bin"));
}

#[test]
fn a_model_that_is_constant_at_every_start_cannot_be_added_because_a_photo_differs() {
    // Only what is brighter than 95 % changes the embedding, and no ordinary picture is.
    let [pool, flatten] = mean_colour();
    let bright = [pool, flatten, op_with("Mul", 100.0), op_with("Add", -95.0), op("Relu"), op_with("Add", 1.0)];
    let files = ModelFiles::new(&model(&FREE, &bright));
    let model = draft(&files.folder.path().join("tiny.onnx"), tillsight(), &side(16)).unwrap();
    let red = decode(&png([255, 0, 0]), &DecodeLimits::default()).unwrap();
    let at_add = message(prove_model(&model, &[red]));
    assert!(at_add.contains("the same embedding"), "{at_add}");
    assert_eq!(at_add, message(files.start()));
}

#[test]
fn a_model_that_wants_other_values_than_the_first_preset_gives_is_inspected_with_the_next() {
    // 1 for values of 0 and more: fed with 0..1 as by `tillsight`, every picture looks the same.
    let [pool, flatten] = mean_colour();
    let below_zero = [pool, flatten, op_with("Mul", -50.0), op("Relu"), op_with("Add", 1.0)];
    let files = ModelFiles::new(&model(&FREE, &below_zero));
    let seen = inspect(&files.folder.path().join("tiny.onnx")).unwrap();
    assert_eq!((seen.refusal, seen.tried_as), (None, Some("timm")));
    assert!(seen.proof.is_some());
}
