//! The arrays of a kernel: the row of the table, and the accesses, by vectors of four elements or one by one.

use crate::c::expression::{Dialect, element_type};
use crate::plan::{Array, ElementType, Instruction, Plan, Written};

/// An array of the plan.
struct Field {
    /// `w`, `g`, `s0`, ...
    name: String,
    of: ElementType,
    loaded: bool,
    stored: bool,
}

/// All arrays of a plan, in the order of the table.
pub(super) struct Arrays {
    fields: Vec<Field>,
}

/// The elements of a vector access and its type: all have 16 bytes but those of 16-bit elements, which have 8.
fn vectors(of: ElementType) -> (&'static str, &'static [&'static str]) {
    match of {
        ElementType::F32 => ("float4", &["0123"]),
        ElementType::F64 => ("double2", &["01", "23"]),
        ElementType::F16 | ElementType::Bf16 => ("ushort4", &["0123"]),
    }
}

const MEMBERS: [&str; 4] = ["x", "y", "z", "w"];

impl Arrays {
    pub(super) fn of(plan: &Plan) -> Arrays {
        let all = [Array::Parameter, Array::Gradient].into_iter();
        let fields = all.chain((0..plan.states).map(Array::State)).map(|array| {
            let store = plan.stores.iter().find(|store| store.array == array);
            let descends = store.is_some_and(|s| matches!(s.value, Written::Descent { .. }));
            Field {
                name: array.to_string(),
                of: plan.element_type(array),
                loaded: descends || plan.instructions.contains(&Instruction::Load(array)),
                stored: store.is_some(),
            }
        });
        Arrays { fields: fields.collect() }
    }

    /// Arrays that are accessed at all.
    fn used(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.loaded || field.stored)
    }

    fn loaded_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.loaded)
    }

    fn stored_fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.stored)
    }

    /// Whether an array has elements of 16 bits.
    pub(super) fn is_half(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.name == name && field.of.bytes() == 2)
    }

    /// Whether any array has elements of 16 bits.
    pub(super) fn any_half(&self) -> bool {
        self.used().any(|field| field.of.bytes() == 2)
    }

    /// How the plan sees the element of an array.
    pub(super) fn loaded(plan: &Plan, array: Array) -> String {
        match plan.element_type(array) {
            ElementType::F64 => format!("__double2float_rn(e.{array})"),
            ElementType::F32 | ElementType::F16 | ElementType::Bf16 => format!("e.{array}"),
        }
    }

    /// The row of the table of tensors.
    pub(super) fn tensor_struct(&self) -> String {
        let mut out = "// A row of the table of tensors.\nstruct Tensor {\n".to_owned();
        let pointer = |field: &Field| {
            let constant = if field.name == "g" { "const " } else { "" };
            format!("    {constant}{} *{};\n", element_type(Dialect::Cuda, field.of), field.name)
        };
        out += &self.fields.iter().take(2).map(pointer).collect::<String>();
        out += "    u64 length;        // number of elements\n";
        out +=
            "    u64 first_element; // index of the first of them in its tensor, a multiple of 4\n";
        out += "    u32 id;            // which tensor it is, for random draws\n";
        out += "    u32 zero;\n";
        out += &self.fields.iter().skip(2).map(pointer).collect::<String>();
        out + "};\n\n"
    }

    /// An element of each array, on its way from memory and back.
    pub(super) fn element_struct(&self) -> String {
        let mut out =
            "// The step of an element, which stands in all arrays.\nstruct Element {\n".to_owned();
        for field in self.used() {
            out += &format!("    {} {};\n", element_type(Dialect::Cuda, field.of), field.name);
        }
        out + "};\n\n"
    }

    /// Pointers to the elements of a chunk, as statements.
    pub(super) fn pointers(&self, indent: &str) -> String {
        let mut out = String::new();
        for Field { name, of, stored, .. } in self.used() {
            let constant = if *stored { "" } else { "const " };
            let kind = element_type(Dialect::Cuda, *of);
            out += &format!(
                "{indent}{constant}{kind} *__restrict__ {name} = tensor.{name} + start;\n"
            );
        }
        for field in self.used() {
            out += &format!("{indent}GLOBAL({});\n", field.name);
        }
        out
    }

    /// Whether vectors may be accessed, as an expression.
    pub(super) fn alignment(&self) -> String {
        let group = |bytes: u32, is_in: &dyn Fn(&Field) -> bool| {
            let names = self.used().filter(|field| is_in(field));
            let names: Vec<String> = names.map(|field| format!("(u64){}", field.name)).collect();
            (!names.is_empty()).then(|| format!("({}) % {bytes} == 0", names.join(" | ")))
        };
        let groups =
            [group(16, &|field| field.of.bytes() > 2), group(8, &|field| field.of.bytes() == 2)];
        let groups: Vec<String> = groups.into_iter().flatten().collect();
        if groups.is_empty() { "true".to_owned() } else { groups.join(" && ") }
    }

    /// Loads of four elements by vectors.
    pub(super) fn load_vectors(&self, indent: &str) -> String {
        let mut out = String::new();
        for Field { name, of, .. } in self.loaded_fields() {
            let (vector, parts) = vectors(*of);
            for part in parts {
                let place = place(part);
                out += &format!(
                    "{indent}const {vector} {name}_{part} = *(const {vector} *)({name} + {place});\n"
                );
                let elements = part.chars().zip(MEMBERS);
                let elements = elements
                    .map(|(lane, member)| format!("e{lane}.{name} = {name}_{part}.{member};"));
                out += &format!("{indent}{}\n", elements.collect::<Vec<String>>().join(" "));
            }
        }
        out
    }

    /// Stores of four elements by vectors.
    pub(super) fn store_vectors(&self, indent: &str) -> String {
        let mut out = String::new();
        for Field { name, of, .. } in self.stored_fields() {
            let (vector, parts) = vectors(*of);
            for part in parts {
                let elements: Vec<String> =
                    part.chars().map(|lane| format!("e{lane}.{name}")).collect();
                let (elements, place) = (elements.join(", "), place(part));
                out += &format!("{indent}const {vector} {name}_{part} = {{{elements}}};\n");
                out += &format!("{indent}*({vector} *)({name} + {place}) = {name}_{part};\n");
            }
        }
        out
    }

    /// Loads of the element of a lane.
    pub(super) fn load_one(&self, lane: usize) -> String {
        let place = place(&lane.to_string());
        let loads = self.loaded_fields();
        let loads = loads.map(|Field { name, .. }| format!("e{lane}.{name} = {name}[{place}];"));
        loads.collect::<Vec<String>>().join(" ")
    }

    /// Stores of the element of a lane.
    pub(super) fn store_one(&self, lane: usize) -> String {
        let place = place(&lane.to_string());
        let stores = self.stored_fields();
        let stores = stores.map(|Field { name, .. }| format!("{name}[{place}] = e{lane}.{name};"));
        stores.collect::<Vec<String>>().join(" ")
    }

    /// Whether anything is loaded.
    pub(super) fn loads(&self) -> bool {
        self.loaded_fields().next().is_some()
    }
}

/// Place of the first lane of a part in the chunk.
fn place(part: &str) -> String {
    if part.starts_with('0') { "at".to_owned() } else { format!("at + {}", &part[..1]) }
}
