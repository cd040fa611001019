//! Tiny ONNX models for tests, written byte by byte.
//!
//! An ONNX file is a protocol-buffers message; the few fields needed here are numbered in `onnx.proto` (ModelProto,
//! GraphProto, NodeProto, ValueInfoProto, TensorProto). The graph is a chain: the input goes through one operator after
//! the other, and the last one's result is the output.

/// One operator of the chain; `constant` is its second operand, a single number.
pub(crate) struct Operator {
    name: &'static str,
    constant: Option<f32>,
}

/// An operator of one operand.
pub(crate) fn op(name: &'static str) -> Operator {
    Operator { name, constant: None }
}

/// An operator of two operands, the second of which is `constant`.
pub(crate) fn op_with(name: &'static str, constant: f32) -> Operator {
    Operator { name, constant: Some(constant) }
}

/// A model `image → embedding` over `input` sizes (`-1`: free) and the given chain. The output's shape is left open.
pub(crate) fn model(input: &[i64], chain: &[Operator]) -> Vec<u8> {
    let mut graph = Vec::new();
    for (at, operator) in chain.iter().enumerate() {
        let from = if at == 0 { "image".to_owned() } else { format!("step{at}") };
        let to = if at + 1 == chain.len() { "embedding".to_owned() } else { format!("step{}", at + 1) };
        let constant = format!("constant{at}");
        let mut node = text(1, &from);
        if let Some(value) = operator.constant {
            node.extend(text(1, &constant));
            // A scalar: no dimensions, data type 1 (float), four raw bytes, a name.
            let tensor = [number(2, 1), bytes(9, &value.to_le_bytes()), text(8, &constant)].concat();
            graph.extend(bytes(5, &tensor));
        }
        node.extend([text(2, &to), text(4, operator.name)].concat());
        graph.extend(bytes(1, &node));
    }
    graph.extend(text(2, "chain"));
    graph.extend(bytes(11, &value_info("image", Some(input))));
    graph.extend(bytes(12, &value_info("embedding", None)));
    let opset = number(2, 13);
    [number(1, 8), bytes(8, &opset), bytes(7, &graph)].concat()
}

/// Name and type: a float tensor of these sizes.
fn value_info(name: &str, sizes: Option<&[i64]>) -> Vec<u8> {
    let mut tensor = number(1, 1);
    if let Some(sizes) = sizes {
        let dimension = |size: &i64| match u64::try_from(*size) {
            Ok(size) => bytes(1, &number(1, size)),
            Err(_) => bytes(1, &text(2, "N")),
        };
        tensor.extend(bytes(2, &sizes.iter().flat_map(dimension).collect::<Vec<_>>()));
    }
    [text(1, name), bytes(2, &bytes(1, &tensor))].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7F).unwrap() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap());
    out
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

fn text(field: u64, value: &str) -> Vec<u8> {
    bytes(field, value.as_bytes())
}

/// A model of mean colours (three values) that returns NaN for dark pictures. Its files lie in `folder`.
pub(crate) fn model_blind_to_the_dark(folder: &std::path::Path) -> super::Model {
    let onnx = model(&[-1, 3, 16, 16], &[op("GlobalAveragePool"), op("Flatten"), op_with("Sub", 0.25), op("Sqrt")]);
    let sha256 = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&onnx));
    let manifest = serde_json::json!({
        "name": "tiny", "version": "1", "file": "tiny.onnx", "sha256": sha256,
        "input": {
            "name": "image", "width": 16, "height": 16, "color": "rgb", "range": 1.0,
            "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0], "resize": "crop", "filter": "bilinear"
        },
        "output": {"name": "embedding", "dim": 3},
        "thresholds": {"score": 0.5, "margin": 0.0}
    });
    std::fs::write(folder.join("tiny.onnx"), onnx).unwrap();
    let path = folder.join("tiny.json");
    std::fs::write(&path, manifest.to_string()).unwrap();
    super::Model::open(&path).unwrap()
}

/// [`model_blind_to_the_dark`], running.
pub(crate) fn embedder_blind_to_the_dark(folder: &std::path::Path) -> super::Embedder {
    super::Embedder::start(&model_blind_to_the_dark(folder), super::EmbedderOptions::default()).unwrap()
}

/// A PNG of 20 × 30 pixels of one colour.
pub(crate) fn png(colour: [u8; 3]) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(20, 30, image::Rgb(colour)).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}
