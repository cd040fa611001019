//! Adding other people's models: which are refused, by `model add` and at the start alike, which are accepted, and how they
//! are installed.

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
    Preset::by_name("tillsight").unwrap()
}

/// Drafts and tests the model in `folder`, as `tillsight model add` does.
fn add(folder: &Path, overrides: &ManifestOverrides) -> Result<(Model, SelfTestReport), ModelError> {
    let model = draft_model(&folder.join("tiny.onnx"), tillsight(), overrides)?;
    let report = test_model(&model, &[])?;
    Ok((model, report))
}

fn side(side: u32) -> ManifestOverrides {
    ManifestOverrides { side: Some(side), ..ManifestOverrides::default() }
}

#[test]
fn an_unusable_model_is_refused_by_add_and_at_the_start_with_the_same_message() {
    let good = model(&FREE, &mean_colour());
    let tiny = |input: &[i64], chain: &[Operator]| model(input, chain);
    let half = TinyModel { element: FLOAT16, output_element: FLOAT16, ..TinyModel::new(&FREE, &mean_colour()) }.write();
    let bytes = TinyModel { element: UINT8, output_element: UINT8, ..TinyModel::new(&FREE, &[op("Flatten")]) }.write();
    let any_rank = TinyModel { input: None, ..TinyModel::new(&FREE, &mean_colour()) }.write();
    let counts = [op("GlobalAveragePool"), op("Flatten"), op("Shape")];
    let counts = TinyModel { output_element: INT64, ..TinyModel::new(&FREE, &counts) }.write();
    let dim = [op("GlobalAveragePool"), op("Flatten"), op_with("Sub", 0.25), op("Sqrt")];
    let two_inputs = TinyModel { second_input: Some("input_ids"), ..TinyModel::new(&FREE, &mean_colour()) }.write();
    let pooled = |last: Operator| tiny(&FREE, &[op("GlobalAveragePool"), op("Flatten"), last]);
    let constant = [op("GlobalAveragePool"), op("Flatten"), op_with("Mul", 0.0), op_with("Add", 1.0)];
    let cases: [(&[u8], &[&str]); 20] = [
        (b"", &["not an ONNX file", "empty"]),
        (b"not a model", &["not an ONNX file"]),
        (&good[..good.len() - 9], &["not an ONNX file", "cut off"]),
        (&with_external_weights("tiny.onnx.data"), &["tiny.onnx.data", "missing", "onnx.save"]),
        (&tiny(&FREE, &[op("Rubbish")]), &["ONNX Runtime cannot load it", "Rubbish"]),
        (&two_inputs, &["2 inputs", "input_ids", "image encoder"]),
        (&half, &["float16", "keep_io_types"]),
        (&bytes, &["uint8", "float32"]),
        (&tiny(&[-1, 16, 16, 3], &[op("Flatten")]), &["N × 16 × 16 × 3", "--inputs-as-nchw"]),
        (&tiny(&[-1, 1, 16, 16], &[op("Flatten")]), &["N × 1 × 16 × 16", "colour"]),
        (&tiny(&[-1, 768], &[op("Sqrt")]), &["N × 768", "N × 3 ×", "from the picture on"]),
        (&any_rank, &["of unknown shape", "N × 3 ×", "with the shape of its input"]),
        (&counts, &["int64", "float32"]),
        // Fails on dark pictures only.
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
        for found in [&at_start, &at_add] {
            assert!(expected.iter().all(|expected| found.contains(expected)), "\"{found}\" lacks {expected:?}");
            assert!(found.contains("tiny.onnx") && !found.contains('\n'), "{found}");
        }
        // At `model add`, no size is chosen yet when the shape is refused.
        assert_eq!(at_start, at_add.replace("height × width", "16 × 16"));
    }
}

#[test]
fn a_wrong_option_is_refused_with_the_values_that_exist() {
    let files = ModelFiles::new(&model(&FREE, &mean_colour()));
    let folder = files.folder.path();
    let refusal = |overrides: ManifestOverrides| message(add(folder, &overrides));
    let some = |name: &str| Some(name.to_owned());
    for (overrides, expected) in [
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
        let found = refusal(overrides);
        assert!(found.contains(expected), "\"{found}\" does not say \"{expected}\"");
        assert!(!found.contains("manifest") && !found.contains(".json"), "no manifest exists yet: {found}");
    }
    let long = ModelFiles::new(&model(&[-1, 3, 64, 64], &[op("Flatten")]));
    let found = message(add(long.folder.path(), &ManifestOverrides::default()));
    assert!(found.contains("12288 is not between 1 and 8192"), "{found}");
    // No option set this value, so the message names the file.
    let narrow = ModelFiles::new(&model(&[-1, 3, 4, 4], &mean_colour()));
    let found = message(add(narrow.folder.path(), &ManifestOverrides::default()));
    assert!(found.contains("tiny.onnx: its manifest would have input.width: 4"), "{found}");
    assert!(
        message(draft_model(Path::new("absent.onnx"), tillsight(), &ManifestOverrides::default()))
            .contains("absent.onnx")
    );
}

#[test]
fn an_ambiguous_output_or_pooling_is_asked_for() {
    let chain = [op("GlobalAveragePool"), op("Flatten"), op_with("Add", 0.5), op_with("Mul", 2.0)];
    let named = TinyModel { further_outputs: &["step3"], ..TinyModel::new(&FREE, &chain) }.write();
    let files = ModelFiles::new(&named);
    // One of the two has a name that the preset knows.
    assert_eq!(add(files.folder.path(), &ManifestOverrides::default()).unwrap().0.manifest.output.name, "embedding");
    let clip = Preset { outputs: &["image_embeds"], ..*Preset::by_name("clip").unwrap() };
    let refusal = message(draft_model(&files.folder.path().join("tiny.onnx"), &clip, &ManifestOverrides::default()));
    assert!(
        refusal.contains("--output") && refusal.contains("\"step3\"") && refusal.contains("\"embedding\""),
        "{refusal}"
    );

    // Three tokens of 256 values.
    let tokens = ModelFiles::new(&model(&FREE, &[op_with_integers("Reshape", &[0, 3, -1])]));
    let refusal = message(add(tokens.folder.path(), &ManifestOverrides::default()));
    assert!(refusal.contains("--pooling") && refusal.contains("1 × 3 × 256"), "{refusal}");
    for (pooling, skip_tokens) in [(Pooling::Cls, 0), (Pooling::Mean, 1)] {
        let overrides = ManifestOverrides {
            pooling: Some(pooling),
            skip_tokens: Some(skip_tokens),
            ..ManifestOverrides::default()
        };
        let (model, _) = add(tokens.folder.path(), &overrides).unwrap();
        assert_eq!((model.manifest.output.dim, model.manifest.output.pooling), (256, pooling));
    }
    let all = ManifestOverrides { pooling: Some(Pooling::Mean), skip_tokens: Some(3), ..ManifestOverrides::default() };
    let at_add = message(add(tokens.folder.path(), &all));
    let output = json!({"name": "embedding", "dim": 256, "pooling": "mean", "skip_tokens": 3});
    for found in [at_add, message(tokens.set("/output", output).start())] {
        assert!(found.contains("3 tokens and 3 are to be skipped") && found.contains("skip fewer"), "{found}");
    }
}

#[test]
fn sides_come_from_the_option_then_the_graph_then_the_preset() {
    let fixed = ModelFiles::new(&model(&[-1, 3, 16, 24], &mean_colour()));
    let (model_16_24, _) = add(fixed.folder.path(), &ManifestOverrides::default()).unwrap();
    assert_eq!((model_16_24.manifest.input.height, model_16_24.manifest.input.width), (16, 24));
    let free = ModelFiles::new(&model(&[-1, 3, -1, -1], &mean_colour()));
    let dinov2 = Preset::by_name("dinov2").unwrap();
    for (overrides, expected) in [
        (ManifestOverrides::default(), (224, Some(256))),
        (side(448), (448, Some(512))),
        (ManifestOverrides { resize_to: Some(240), ..ManifestOverrides::default() }, (224, Some(240))),
        (ManifestOverrides { resize_to: Some(0), ..ManifestOverrides::default() }, (224, None)),
        (ManifestOverrides { resize: Some(Fit::Stretch), ..ManifestOverrides::default() }, (224, None)),
    ] {
        let input = draft_model(&free.folder.path().join("tiny.onnx"), dinov2, &overrides).unwrap().manifest.input;
        assert_eq!((input.width, input.resize_to), expected, "{overrides:?}");
    }
}

#[test]
fn maps_are_averaged_and_dimensions_of_one_are_ignored() {
    for (chain, pooling) in [(vec![op("Sqrt")], Pooling::Average), (vec![op("GlobalAveragePool")], Pooling::None)] {
        let files = ModelFiles::new(&model(&FREE, &chain));
        let output = add(files.folder.path(), &ManifestOverrides::default()).unwrap().0.manifest.output;
        assert_eq!((output.dim, output.pooling), (3, pooling));
    }
}

#[tokio::test]
async fn a_model_that_fails_on_batches_is_fed_one_picture_at_a_time() {
    let pooled = |last: Operator| model(&FREE, &[op("GlobalAveragePool"), op("Flatten"), last]);
    let fixed = model(&[1, 3, 16, 16], &mean_colour());
    let fails = pooled(op_with_integers("Reshape", &[1, 3]));
    // Adds up along the batch: the first picture is right, the others depend on those before them.
    let differs = pooled(op_with_integer("CumSum", 0));
    for (onnx, expected) in [(fixed, "one photo at a time"), (fails, "fails on 8"), (differs, "depends on the others")]
    {
        let files = ModelFiles::new(&onnx);
        let (_, report) = add(files.folder.path(), &ManifestOverrides::default()).unwrap();
        assert_eq!((report.max_batch, report.batch_cosine), (1, None));
        assert!(report.batch_limitation.unwrap().to_string().contains(expected));
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

fn sorted_names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_model_is_installed_whole_and_overwrites_others_only_on_request() {
    let files = ModelFiles::new(&model(&FREE, &mean_colour()));
    let (first, _) = add(files.folder.path(), &ManifestOverrides::default()).unwrap();
    let parent = TempDir::new().unwrap();
    let folder: PathBuf = parent.path().join("models");
    let installed = install(&first, &folder, false).unwrap();
    assert!(!installed.already_installed);
    let onnx = |model: &Model| format!("tiny-{}.onnx", &model.manifest.sha256[..12]);
    assert_eq!(sorted_names(&folder), [onnx(&first).as_str(), "tiny.json"]);
    let opened = Model::open(&installed.manifest).unwrap();
    assert_eq!((&opened.id, &opened.manifest), (&first.id, &first.manifest));
    assert_eq!(opened.manifest.thresholds.operating_point, None);
    Embedder::start(&opened, EmbedderOptions::default()).unwrap();

    // The same model again changes nothing, not even thresholds calibrated since.
    let calibrated = Thresholds { score: 0.77, ..opened.manifest.thresholds };
    calibrated.write_to_manifest(&installed.manifest, &first.manifest.sha256).unwrap();
    assert!(install(&first, &folder, false).unwrap().already_installed);
    assert_eq!(Manifest::read(&installed.manifest).unwrap().thresholds.score, 0.77);

    // Another model of that name, and the same file fed in another way.
    let other = ModelFiles::new(&model(&FREE, &[op("GlobalMaxPool"), op("Flatten")]));
    let (other, _) = add(other.folder.path(), &ManifestOverrides::default()).unwrap();
    let stretched = ManifestOverrides { resize: Some(Fit::Stretch), ..ManifestOverrides::default() };
    let (stretched, _) = add(files.folder.path(), &stretched).unwrap();
    for model in [&other, &stretched] {
        let refusal = message(install(model, &folder, false));
        assert!(refusal.contains("tiny.json") && refusal.contains("--force"), "{refusal}");
        assert_eq!(Model::open(&installed.manifest).unwrap().id, first.id);
        assert_eq!(sorted_names(&folder), [onnx(&first).as_str(), "tiny.json"]);
    }
    // The same file and feeding under another version keeps calibrated thresholds, but not guessed ones.
    let newer = ManifestOverrides { version: Some("2".to_owned()), ..ManifestOverrides::default() };
    let (newer, _) = add(files.folder.path(), &newer).unwrap();
    let over_guess = install(&newer, &folder, true).unwrap();
    assert!(!over_guess.thresholds_kept && over_guess.replaced.unwrap().model_id() == first.id);
    let calibrated = Thresholds {
        score: 0.66,
        margin: 0.1,
        own_photos: true,
        operating_point: Some(super::operating_point::tests::point()),
    };
    calibrated.write_to_manifest(&installed.manifest, &first.manifest.sha256).unwrap();
    assert!(install(&first, &folder, true).unwrap().thresholds_kept);
    let reopened = Model::open(&installed.manifest).unwrap();
    assert_eq!((&reopened.id, &reopened.manifest.thresholds), (&first.id, &calibrated));
    let replaced = install(&other, &folder, true).unwrap();
    assert!(!replaced.thresholds_kept && replaced.replaced.unwrap().thresholds == calibrated);
    assert_eq!(Model::open(&installed.manifest).unwrap().id, other.id);
    assert_eq!(sorted_names(&folder), [onnx(&other).as_str(), "tiny.json"]);

    // A file that another manifest names as well stays, even if that manifest is otherwise invalid.
    let own = json!({"file": onnx(&other), "thresholds": "to be chosen"});
    std::fs::write(folder.join("own.json"), format!("\u{feff}{own}")).unwrap();
    std::fs::write(folder.join("page.json"), "<html>").unwrap();
    install(&first, &folder, true).unwrap();
    let mut expected = vec![onnx(&first), onnx(&other), "own.json".into(), "page.json".into(), "tiny.json".into()];
    expected.sort();
    assert_eq!(sorted_names(&folder), expected);
}

#[test]
fn sizes_that_a_preset_does_not_know_give_a_warning() {
    let files = ModelFiles::new(&model(&FREE, &mean_colour()));
    let file = files.folder.path().join("tiny.onnx");
    for (preset, expected) in [("tillsight", None), ("clip", Some("16 pixels")), ("mobilenet-v2", Some("16 pixels"))] {
        let preset = Preset::by_name(preset).unwrap();
        let warning = preset.size_warning(&draft_model(&file, preset, &ManifestOverrides::default()).unwrap().manifest);
        assert_eq!(warning.is_some(), expected.is_some(), "{warning:?}");
        assert!(expected.is_none_or(|words| warning.unwrap().contains(words)), "{}", preset.name);
    }
    let free = ModelFiles::new(&model(&[-1, 3, -1, -1], &mean_colour()));
    let dinov2 = Preset::by_name("dinov2").unwrap();
    let warning = dinov2.size_warning(
        &draft_model(&free.folder.path().join("tiny.onnx"), dinov2, &ManifestOverrides::default()).unwrap().manifest,
    );
    assert_eq!(warning.as_deref(), Some("networks of this family do not return 3 values per picture"));
}

#[test]
fn only_regular_files_are_opened() {
    for path in ["/dev/zero", "/"] {
        let refusal = message(draft_model(Path::new(path), tillsight(), &ManifestOverrides::default()));
        assert!(refusal.contains("it is"), "{refusal}");
        let refusal = message(Manifest::read(Path::new(path)));
        assert!(refusal.contains("it is"), "{refusal}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let files = ModelFiles::new(&model(&FREE, &mean_colour()));
    let (model, _) = add(files.folder.path(), &ManifestOverrides::default()).unwrap();
    let refusal = message(install(&model, &files.folder.path().join("tiny.onnx/models"), false));
    assert!(refusal.contains("cannot write") && refusal.contains("tiny.onnx/models"), "{refusal}");
}

#[test]
fn an_inspection_describes_the_file_and_says_whether_it_can_be_used() {
    let files = ModelFiles::new(&model(&FREE, &[op("GlobalAveragePool"), op("Flatten"), op_with("Add", 0.1)]));
    let inspection = inspect(&files.folder.path().join("tiny.onnx")).unwrap();
    assert_eq!((inspection.opset, inspection.parameters, inspection.refusal.as_deref()), (Some(13), Some(1), None));
    assert_eq!(inspection.inputs[0].to_string(), "\"image\" float32 N × 3 × 16 × 16");
    assert_eq!((inspection.tried_as, inspection.manifest.unwrap().output.dim), (Some("tillsight"), 3));
    assert!(inspection.one_picture_ms.unwrap() > 0.0 && inspection.self_test.unwrap().batch_limitation.is_none());
    let objection = |name: &str| inspection.presets.iter().find(|fit| fit.preset == name).unwrap().objection.clone();
    assert_eq!((objection("tillsight"), objection("timm")), (None, None));
    assert!(objection("dinov2").unwrap().contains("16 pixels"));

    let wrong_dim = files.set("/output/dim", json!(4));
    wrong_dim.start().unwrap_err();
    let inspection = inspect(&wrong_dim.folder.path().join("tiny.json")).unwrap();
    assert!(inspection.refusal.unwrap().contains("4 values per photo") && inspection.tried_as.is_none());

    let external = ModelFiles::new(&with_external_weights("weights.bin"));
    let inspection = inspect(&external.folder.path().join("tiny.onnx")).unwrap();
    assert_eq!(inspection.external_data, ["weights.bin"]);
    assert!(inspection.inputs.is_empty() && inspection.refusal.unwrap().contains("weights.bin"));
}

#[test]
fn a_model_that_is_constant_on_ordinary_pictures_cannot_be_added_with_a_differing_photo() {
    // Only pictures brighter than 95 % change the embedding, and no ordinary picture is that bright.
    let [pool, flatten] = mean_colour();
    let bright = [pool, flatten, op_with("Mul", 100.0), op_with("Add", -95.0), op("Relu"), op_with("Add", 1.0)];
    let files = ModelFiles::new(&model(&FREE, &bright));
    let model = draft_model(&files.folder.path().join("tiny.onnx"), tillsight(), &side(16)).unwrap();
    let red = decode_photo(&png([255, 0, 0]), &DecodeLimits::default()).unwrap();
    let at_add = message(test_model(&model, &[red]));
    assert!(at_add.contains("the same embedding"), "{at_add}");
    assert_eq!(at_add, message(files.start()));
}

#[test]
fn a_model_that_fails_with_the_first_preset_is_inspected_with_the_next() {
    // Returns 1 for values of 0 and more: fed 0..1 as by `tillsight`, all pictures get the same embedding.
    let [pool, flatten] = mean_colour();
    let below_zero = [pool, flatten, op_with("Mul", -50.0), op("Relu"), op_with("Add", 1.0)];
    let files = ModelFiles::new(&model(&FREE, &below_zero));
    let inspection = inspect(&files.folder.path().join("tiny.onnx")).unwrap();
    assert_eq!((inspection.refusal, inspection.tried_as), (None, Some("timm")));
    assert!(inspection.self_test.is_some());
}
