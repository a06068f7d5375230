//! Whether all numbers of a value have a form in JSON, where serde_json would write `null` in silence.

use std::fmt;

use serde::ser::*;

/// Looks at each number of a value, and writes nothing.
pub(super) struct Finite;

/// What is no number of JSON, or why a value can't be written at all.
#[derive(Debug)]
pub(super) struct Problem(String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

impl Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

type Checked<T = ()> = Result<T, Problem>;

/// Values without parts.
macro_rules! plain {
    ($($name:ident: $type:ty),*) => {$(
        fn $name(self, _: $type) -> Checked {
            Ok(())
        }
    )*};
}

impl Serializer for Finite {
    type Ok = ();
    type Error = Problem;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fn serialize_f64(self, x: f64) -> Checked {
        match x.is_finite() {
            true => Ok(()),
            false => Err(Problem(format!(
                "a number in it is {x}, which JSON can't hold; save it as a text, or by its bits"
            ))),
        }
    }

    fn serialize_f32(self, x: f32) -> Checked {
        self.serialize_f64(x.into())
    }

    plain!(
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
        serialize_char: char,
        serialize_str: &str,
        serialize_bytes: &[u8],
        serialize_unit_struct: &'static str
    );

    fn serialize_none(self) -> Checked {
        Ok(())
    }

    fn serialize_unit(self) -> Checked {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Checked {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Checked {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Checked {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Checked {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Checked<Self> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Checked<Self> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Checked<Self> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Checked<Self> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Checked<Self> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Checked<Self> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Checked<Self> {
        Ok(self)
    }
}

/// Values with parts: each part by itself.
macro_rules! parts {
    ($($trait:ident: $($method:ident($($name:ty)?)),*;)*) => {$(
        impl $trait for Finite {
            type Ok = ();
            type Error = Problem;

            $(fn $method<T: Serialize + ?Sized>(&mut self, $(_: $name,)? value: &T) -> Checked {
                value.serialize(Finite)
            })*

            fn end(self) -> Checked {
                Ok(())
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key(), serialize_value();
    SerializeStruct: serialize_field(&'static str);
    SerializeStructVariant: serialize_field(&'static str);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(serde::Serialize)]
    enum Kind {
        One(f64),
        Two(f64, f32),
        Three { x: Option<f64> },
        Four,
    }

    #[test]
    fn a_number_is_found_wherever_it_is() {
        let found = |value: &dyn Fn(f64) -> Checked| {
            assert!(value(1.0).is_ok());
            [f64::NAN, f64::INFINITY, f64::NEG_INFINITY]
                .iter()
                .all(|x| value(*x).is_err())
        };
        assert!(found(&|x| x.serialize(Finite)));
        assert!(found(&|x| (x as f32).serialize(Finite)));
        assert!(found(&|x| vec![(1, "a", Some(x))].serialize(Finite)));
        assert!(found(&|x| BTreeMap::from([("a", [x])]).serialize(Finite)));
        assert!(found(&|x| Kind::One(x).serialize(Finite)));
        assert!(found(&|x| Kind::Two(1.0, x as f32).serialize(Finite)));
        assert!(found(&|x| Kind::Three { x: Some(x) }.serialize(Finite)));
        let fine = ((), Kind::Four, Kind::Three { x: None }, 'a', u128::MAX);
        assert!(fine.serialize(Finite).is_ok());
    }
}
