//! What an ONNX file says about itself, read without running it.
//!
//! ONNX Runtime's messages about files that are no models, that are cut off, or whose weights lie elsewhere are those of a
//! parser; this reads the few fields that say it plainly. Fields are numbered in `onnx.proto` (ONNX IR version 13);
//! everything else, the weights' bytes above all, is skipped.

use std::collections::BTreeSet;

use prost::Message;

use super::Refusal;

/// `TensorProto.DataLocation.EXTERNAL`.
const EXTERNAL: i32 = 1;
/// Element types of `TensorProto.DataType` that hold no weights: 64-bit integers (sizes and positions), text, truth values.
const NO_WEIGHTS: [i32; 3] = [7, 8, 9];
/// How a Git LFS pointer begins: what lies in a clone where the file itself was not fetched.
const LFS_POINTER: &[u8] = b"version https://git-lfs";

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(int64, tag = "1")]
    ir_version: i64,
    #[prost(string, tag = "2")]
    producer_name: String,
    #[prost(string, tag = "3")]
    producer_version: String,
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    opset_import: Vec<OperatorSetIdProto>,
    #[prost(message, repeated, tag = "25")]
    functions: Vec<FunctionProto>,
}

#[derive(Clone, PartialEq, Message)]
struct OperatorSetIdProto {
    #[prost(string, tag = "1")]
    domain: String,
    #[prost(int64, tag = "2")]
    version: i64,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
}

#[derive(Clone, PartialEq, Message)]
struct FunctionProto {
    #[prost(message, repeated, tag = "7")]
    node: Vec<NodeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeProto {
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<AttributeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeProto {
    #[prost(message, optional, tag = "5")]
    tensor: Option<TensorProto>,
    #[prost(message, optional, tag = "6")]
    graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "10")]
    tensors: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    graphs: Vec<GraphProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(message, repeated, tag = "13")]
    external_data: Vec<StringStringEntryProto>,
    #[prost(int32, tag = "14")]
    data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
struct StringStringEntryProto {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// What an ONNX file says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OnnxFile {
    /// Version of the file format.
    pub(super) ir_version: i64,
    /// The program that wrote it, with its version; empty where it does not say.
    pub(super) producer: String,
    /// Version of the standard operators.
    pub(super) opset: Option<i64>,
    /// Number of weights: elements of all constants but 64-bit integers, text and truth values.
    pub(super) parameters: u64,
    /// Names of the files, relative to this one, that hold weights; empty where all lie in this file.
    pub(super) external_data: BTreeSet<String>,
}

impl OnnxFile {
    /// Reads `bytes`.
    ///
    /// # Errors
    /// [`Refusal::NotOnnx`].
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let not_onnx = |reason: &str| Refusal::NotOnnx { reason: reason.to_owned() };
        if bytes.is_empty() {
            return Err(not_onnx("it is empty"));
        }
        if bytes.starts_with(LFS_POINTER) {
            return Err(not_onnx("it is a Git LFS pointer to the file (`git lfs pull` fetches it)"));
        }
        let model =
            ModelProto::decode(bytes).map_err(|error| not_onnx(&format!("cut off, or of another kind: {error}")))?;
        let graph = model.graph.ok_or_else(|| not_onnx("it holds no graph"))?;
        let mut file = Self {
            ir_version: model.ir_version,
            producer: format!("{} {}", model.producer_name, model.producer_version).trim().to_owned(),
            // "ai.onnx" is the long form of the standard operators' empty domain.
            opset: model
                .opset_import
                .iter()
                .find(|set| ["", "ai.onnx"].contains(&set.domain.as_str()))
                .map(|set| set.version),
            parameters: 0,
            external_data: BTreeSet::new(),
        };
        file.count_graph(&graph);
        model.functions.iter().for_each(|function| file.count_nodes(&function.node));
        Ok(file)
    }

    fn count_graph(&mut self, graph: &GraphProto) {
        graph.initializer.iter().for_each(|tensor| self.count(tensor));
        self.count_nodes(&graph.node);
    }

    fn count_nodes(&mut self, nodes: &[NodeProto]) {
        for attribute in nodes.iter().flat_map(|node| &node.attribute) {
            attribute.tensor.iter().chain(&attribute.tensors).for_each(|tensor| self.count(tensor));
            attribute.graph.iter().chain(&attribute.graphs).for_each(|graph| self.count_graph(graph));
        }
    }

    fn count(&mut self, tensor: &TensorProto) {
        if !NO_WEIGHTS.contains(&tensor.data_type) {
            let sides = tensor.dims.iter().map(|side| u64::try_from(*side).unwrap_or(0));
            self.parameters = self.parameters.saturating_add(sides.fold(1, u64::saturating_mul));
        }
        if tensor.data_location == EXTERNAL {
            let location = tensor.external_data.iter().find(|entry| entry.key == "location");
            self.external_data.insert(location.map_or_else(|| "(unnamed)".to_owned(), |entry| entry.value.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::onnx_fixture::{model, op, op_with, with_external_weights};
    use super::*;

    #[test]
    fn the_file_says_its_opset_weights_and_other_files() {
        let bytes = model(&[-1, 3, 16, 16], &[op_with("Sub", 0.25), op("GlobalAveragePool"), op_with("Mul", 2.0)]);
        let file = OnnxFile::read(&bytes).unwrap();
        assert_eq!((file.ir_version, file.opset, file.parameters), (8, Some(13), 2));
        assert!(file.external_data.is_empty() && file.producer.is_empty());
        let elsewhere = OnnxFile::read(&with_external_weights("weights.bin")).unwrap();
        assert_eq!(elsewhere.external_data.into_iter().collect::<Vec<_>>(), ["weights.bin"]);
    }

    #[test]
    fn what_is_no_model_is_told_apart() {
        let whole = model(&[-1, 3, 16, 16], &[op("GlobalAveragePool"), op("Flatten")]);
        let message = |bytes: &[u8]| OnnxFile::read(bytes).unwrap_err().to_string();
        for (bytes, expected) in [
            (&b""[..], "empty"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
            (b"<!DOCTYPE html><html>", "of another kind"),
            (b"not a model", "of another kind"),
            (&whole[..2], "no graph"),
        ] {
            assert!(message(bytes).contains(expected), "{}", message(bytes));
        }
        // The graph lies between the first field and the last: whatever is missing at its end is noticed.
        for length in 3..whole.len() {
            if let Ok(file) = OnnxFile::read(&whole[..length]) {
                panic!("{length} of {} bytes pass as {file:?}", whole.len());
            }
        }
    }
}
