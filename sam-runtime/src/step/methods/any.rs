use serde::{Deserialize, Serialize};

use super::{
    Algebra, Asam, Esam, Fsam, Gsam, LookSam, LpSam, Method, Moment, Msam, Next, Norm,
    Perturbation, Sampa, Stable, Usam, Vasso, Wsam,
};

macro_rules! any_method {
    ($($(#[$doc:meta])* $name:ident($ty:ident) { $($field:ident: $of:ty),* })*) => {
        /// One of the library's methods, as a configuration names it: `kind` beside its numbers, of which those that
        /// are left out have the default of its type.
        ///
        /// ```
        /// use sam_runtime::step::methods::{AnyMethod, Gsam};
        ///
        /// let method: AnyMethod = toml::from_str("kind = 'gsam'\nalpha = 0.1")?;
        /// assert_eq!(method, AnyMethod::Gsam(Gsam { alpha: 0.1 }));
        ///
        /// let error = toml::from_str::<AnyMethod>("kind = 'gsam'\nalpha = -1.0").unwrap_err();
        /// assert!(error.to_string().contains("`alpha` is -1"));
        /// # Ok::<(), toml::de::Error>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(try_from = "Form", into = "Form")]
        pub enum AnyMethod {
            $($(#[$doc])* $name($ty),)*
        }

        /// How a method is written.
        #[derive(Clone, Copy, Serialize, Deserialize)]
        #[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
        enum Form {
            $($name {
                $(
                    #[serde(default, skip_serializing_if = "Option::is_none")]
                    $field: Option<$of>,
                )*
            },)*
        }

        impl From<AnyMethod> for Form {
            fn from(method: AnyMethod) -> Self {
                match method {
                    $(#[allow(unused_variables)] AnyMethod::$name(method) => Self::$name {
                        $($field: Some(method.$field),)*
                    },)*
                }
            }
        }

        impl TryFrom<Form> for AnyMethod {
            type Error = String;

            fn try_from(form: Form) -> Result<Self, String> {
                let method = match form {
                    $(Form::$name { $($field,)* } => {
                        #[allow(unused_variables)]
                        let default = $ty::default();
                        Self::$name($ty { $($field: $field.unwrap_or(default.$field),)* })
                    })*
                };
                method.check(Norm::L2).map(|()| method)
            }
        }

        impl AnyMethod {
            fn method(&self) -> &dyn Method {
                match self {
                    $(Self::$name(method) => method,)*
                }
            }
        }
    };
}

any_method! {
    /// SAM itself.
    Sam(LpSam) { steps: usize, second_order: bool }
    /// See [`Asam`].
    Asam(Asam) { eta: f64 }
    /// See [`Usam`].
    Usam(Usam) {}
    /// See [`Gsam`].
    Gsam(Gsam) { alpha: f64 }
    /// See [`Wsam`].
    Wsam(Wsam) { gamma: f64 }
    /// See [`Stable`].
    Stable(Stable) {}
    /// See [`Fsam`].
    Fsam(Fsam) { sigma: f64, lambda: f64 }
    /// See [`Vasso`].
    Vasso(Vasso) { theta: f64 }
    /// See [`Esam`].
    Esam(Esam) { beta: f64 }
    /// See [`LookSam`].
    LookSam(LookSam) { k: u64, alpha: f64 }
    /// See [`Msam`].
    Msam(Msam) { momentum: f64 }
    /// See [`Sampa`].
    Sampa(Sampa) { lambda: f64, lr: f64 }
}

impl Default for AnyMethod {
    /// SAM.
    fn default() -> Self {
        Self::Sam(LpSam::default())
    }
}

impl Method for AnyMethod {
    fn first(&self, moment: Moment, algebra: &mut dyn Algebra) -> Option<Perturbation> {
        self.method().first(moment, algebra)
    }

    fn next(&self, moment: Moment, algebra: &mut dyn Algebra) -> Next {
        self.method().next(moment, algebra)
    }

    fn check(&self, norm: Norm) -> Result<(), String> {
        self.method().check(norm)
    }
}
