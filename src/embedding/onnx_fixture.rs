//! Tiny ONNX models for tests, written byte by byte.
//!
//! An ONNX file is a protocol-buffers message; the few fields needed here are numbered in `onnx.proto` (ModelProto,
//! GraphProto, NodeProto, ValueInfoProto, TensorProto). The graph is a chain: the input goes through one operator after
//! the other, and the last one's result is the output.

pub(crate) struct Operator {
    name: &'static str,
    operand: Option<Operand>,
}

/// An operator's second operand.
enum Operand {
    Number(f32),
    Integer(i64),
    Integers(Vec<i64>),
    /// The result of an earlier operator: `step1` is that of the first.
    Result(&'static str),
}

/// An operator of one operand.
pub(crate) fn op(name: &'static str) -> Operator {
    Operator { name, operand: None }
}

/// An operator of two operands, the second of which is a single number.
pub(crate) fn op_with(name: &'static str, constant: f32) -> Operator {
    Operator { name, operand: Some(Operand::Number(constant)) }
}

/// An operator of two operands, the second of which is a single integer.
pub(crate) fn op_with_integer(name: &'static str, constant: i64) -> Operator {
    Operator { name, operand: Some(Operand::Integer(constant)) }
}

/// An operator of two operands, the second of which is a list of integers.
pub(crate) fn op_with_integers(name: &'static str, constants: &[i64]) -> Operator {
    Operator { name, operand: Some(Operand::Integers(constants.to_vec())) }
}

/// An operator of two operands, the second of which is an earlier result.
pub(crate) fn op_with_result(name: &'static str, result: &'static str) -> Operator {
    Operator { name, operand: Some(Operand::Result(result)) }
}

/// Mean colours of one picture, or of `pictures` at a time; it fails on another number.
pub(crate) fn mean_colour_of_one_or(pictures: i64) -> Vec<u8> {
    let chain = [
        op("GlobalAveragePool"),
        op("Flatten"),
        // Repeats one row `pictures` times; leaves `pictures` rows unchanged.
        op_with_integers("Expand", &[pictures, 3]),
        op("ReduceSum"),
        op_with("Mul", 0.0),
        op_with_result("Add", "step2"),
    ];
    model(&[-1, 3, 16, 16], &chain)
}

/// Element types of ONNX tensors.
pub(crate) const FLOAT: u64 = 1;
pub(crate) const UINT8: u64 = 2;
pub(crate) const INT64: u64 = 7;
pub(crate) const FLOAT16: u64 = 10;

/// The content of a model file.
pub(crate) struct TinyModel<'a> {
    /// Shape of the input "image"; `-1`: free. `None`: unknown.
    pub(crate) input: Option<&'a [i64]>,
    /// The operators from "image" to "embedding".
    pub(crate) chain: &'a [Operator],
    /// Element type of the input.
    pub(crate) element: u64,
    /// Element type of the outputs.
    pub(crate) output_element: u64,
    /// Name of a second input, which nothing uses.
    pub(crate) second_input: Option<&'a str>,
    /// Intermediate results that are outputs as well: `step1` is that of the first operator.
    pub(crate) further_outputs: &'a [&'a str],
    /// The file that holds the constants, if it is another one.
    pub(crate) external_file: Option<&'a str>,
}

/// A model `image → embedding` with an input of this shape (`-1`: free) and the given chain. The output's shape is unknown.
pub(crate) fn model(input: &[i64], chain: &[Operator]) -> Vec<u8> {
    TinyModel::new(input, chain).write()
}

/// A model whose only constant is in another file.
pub(crate) fn with_external_weights(file: &str) -> Vec<u8> {
    let chain = [op("GlobalAveragePool"), op("Flatten"), op_with("Add", 0.5)];
    TinyModel { external_file: Some(file), ..TinyModel::new(&[-1, 3, 16, 16], &chain) }.write()
}

impl<'a> TinyModel<'a> {
    /// Float input and output, everything in one file.
    pub(crate) fn new(input: &'a [i64], chain: &'a [Operator]) -> Self {
        Self {
            input: Some(input),
            chain,
            output_element: FLOAT,
            element: FLOAT,
            second_input: None,
            further_outputs: &[],
            external_file: None,
        }
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut graph = Vec::new();
        for (at, operator) in self.chain.iter().enumerate() {
            let from = if at == 0 { "image".to_owned() } else { format!("step{at}") };
            let to = if at + 1 == self.chain.len() { "embedding".to_owned() } else { format!("step{}", at + 1) };
            let mut node = text(1, &from);
            if let Some(operand) = &operator.operand {
                let name = match operand {
                    Operand::Result(earlier) => (*earlier).to_owned(),
                    Operand::Number(_) | Operand::Integer(_) | Operand::Integers(_) => format!("constant{at}"),
                };
                node.extend(text(1, &name));
                graph.extend(self.tensor(operand, &name).map_or_else(Vec::new, |tensor| bytes(5, &tensor)));
            }
            node.extend([text(2, &to), text(4, operator.name)].concat());
            graph.extend(bytes(1, &node));
        }
        graph.extend(text(2, "chain"));
        graph.extend(bytes(11, &value_info("image", self.element, self.input)));
        if let Some(name) = self.second_input {
            graph.extend(bytes(11, &value_info(name, INT64, Some(&[-1]))));
        }
        graph.extend(bytes(12, &value_info("embedding", self.output_element, None)));
        for name in self.further_outputs {
            graph.extend(bytes(12, &value_info(name, self.output_element, None)));
        }
        let opset = number(2, 13);
        [number(1, 8), bytes(8, &opset), bytes(7, &graph)].concat()
    }

    /// The tensor of a constant operand: shape, data type, raw bytes or their location, name. `None` for an earlier result.
    fn tensor(&self, operand: &Operand, name: &str) -> Option<Vec<u8>> {
        let (sides, element, raw) = match operand {
            Operand::Number(value) => (Vec::new(), FLOAT, value.to_le_bytes().to_vec()),
            Operand::Integer(value) => (Vec::new(), INT64, value.to_le_bytes().to_vec()),
            Operand::Result(_) => return None,
            Operand::Integers(values) => {
                (number(1, values.len() as u64), INT64, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
        };
        let data = match self.external_file {
            None => bytes(9, &raw),
            Some(file) => [bytes(13, &[text(1, "location"), text(2, file)].concat()), number(14, 1)].concat(),
        };
        Some([sides, number(2, element), data, text(8, name)].concat())
    }
}

fn value_info(name: &str, element: u64, sizes: Option<&[i64]>) -> Vec<u8> {
    let mut tensor = number(1, element);
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

/// A model of mean colours (three values) that returns NaN for dark pictures. Writes its files into `folder`.
pub(crate) fn model_blind_to_the_dark(folder: &std::path::Path) -> super::Model {
    let onnx = model(&[-1, 3, 16, 16], &[op("GlobalAveragePool"), op("Flatten"), op_with("Sub", 0.05), op("Sqrt")]);
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

/// A started [`model_blind_to_the_dark`].
pub(crate) fn embedder_blind_to_the_dark(folder: &std::path::Path) -> super::Embedder {
    super::Embedder::start(&model_blind_to_the_dark(folder), super::EmbedderOptions::default()).unwrap()
}

/// A PNG of 20 × 30 pixels of one colour.
pub(crate) fn png(colour: [u8; 3]) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_pixel(20, 30, image::Rgb(colour)).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}
