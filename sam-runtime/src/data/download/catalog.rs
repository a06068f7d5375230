//! The well-known data sets: mirrors, sizes and SHA-256 sums.
//!
//! Mirrors are those that torchvision and TensorFlow Datasets take; sizes and sums are those of
//! TensorFlow Datasets' `url_checksums`.

use std::path::Path;

use super::super::{Cifar10, Cifar100, Mnist, Svhn};
use super::{Checksum, DownloadError, RemoteFile, Source};

/// A file: its name, bytes and SHA-256.
type Entry = (&'static str, u64, Checksum);

const MNIST: [Entry; 4] = [
    (
        "train-images-idx3-ubyte.gz",
        9_912_422,
        Checksum::sha256("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    ),
    (
        "train-labels-idx1-ubyte.gz",
        28_881,
        Checksum::sha256("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    ),
    (
        "t10k-images-idx3-ubyte.gz",
        1_648_877,
        Checksum::sha256("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    ),
    (
        "t10k-labels-idx1-ubyte.gz",
        4_542,
        Checksum::sha256("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ),
];

const FASHION_MNIST: [Entry; 4] = [
    (
        "train-images-idx3-ubyte.gz",
        26_421_880,
        Checksum::sha256("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
    ),
    (
        "train-labels-idx1-ubyte.gz",
        29_515,
        Checksum::sha256("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
    ),
    (
        "t10k-images-idx3-ubyte.gz",
        4_422_102,
        Checksum::sha256("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
    ),
    (
        "t10k-labels-idx1-ubyte.gz",
        5_148,
        Checksum::sha256("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
    ),
];

const KMNIST: [Entry; 4] = [
    (
        "train-images-idx3-ubyte.gz",
        18_165_135,
        Checksum::sha256("51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
    ),
    (
        "train-labels-idx1-ubyte.gz",
        29_497,
        Checksum::sha256("e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
    ),
    (
        "t10k-images-idx3-ubyte.gz",
        3_041_136,
        Checksum::sha256("edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
    ),
    (
        "t10k-labels-idx1-ubyte.gz",
        5_120,
        Checksum::sha256("20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
    ),
];

const CIFAR10: Entry = (
    "cifar-10-binary.tar.gz",
    170_052_171,
    Checksum::sha256("c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),
);
const CIFAR100: Entry = (
    "cifar-100-binary.tar.gz",
    168_513_733,
    Checksum::sha256("58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"),
);
/// The second is where the first leads to, by way of a plain `http` address.
const CIFAR_MIRRORS: [&str; 2] = [
    "https://www.cs.toronto.edu/~kriz/",
    "https://cave.cs.toronto.edu/kriz/",
];

const SVHN: [Entry; 2] = [
    (
        "train_32x32.mat",
        182_040_794,
        Checksum::sha256("435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8"),
    ),
    (
        "test_32x32.mat",
        64_275_384,
        Checksum::sha256("cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b"),
    ),
];
const SVHN_EXTRA: Entry = (
    "extra_32x32.mat",
    1_329_278_602,
    Checksum::sha256("a133a4beb38a00fcdda90c9489e0c04f900b660ce8a316a5e854838379a71eb3"),
);
const SVHN_MIRROR: &str = "http://ufldl.stanford.edu/housenumbers/";

/// Bytes of a CIFAR image's pixels.
const PIXELS: u64 = 3 * 32 * 32;

fn file((name, bytes, checksum): Entry) -> RemoteFile {
    RemoteFile::new(name, bytes, checksum)
}

impl Source {
    /// MNIST (LeCun et al. 1998), 12 MB: the four gzipped files that [`Mnist`] reads.
    pub fn mnist() -> Self {
        let mirrors = [
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ];
        Self::new("MNIST", mirrors, MNIST.map(file))
    }

    /// Fashion-MNIST (Xiao et al. 2017), 31 MB: the four gzipped files that [`Mnist`] reads.
    pub fn fashion_mnist() -> Self {
        let mirrors = [
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        ];
        Self::new("Fashion-MNIST", mirrors, FASHION_MNIST.map(file))
    }

    /// KMNIST (Clanuwat et al. 2018), 21 MB: the four gzipped files that [`Mnist`] reads.
    pub fn kmnist() -> Self {
        let mirrors = [
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        ];
        Self::new("KMNIST", mirrors, KMNIST.map(file))
    }

    /// CIFAR-10 (Krizhevsky 2009) in its binary version, 170 MB, unpacked to the 184 MB that
    /// [`Cifar10`] reads.
    pub fn cifar10() -> Self {
        let names = [1, 2, 3, 4, 5].map(|batch| format!("data_batch_{batch}.bin"));
        let files = names.into_iter().chain(["test_batch.bin".into()]);
        let files = files.map(|name| {
            (
                format!("cifar-10-batches-bin/{name}"),
                10_000 * (1 + PIXELS),
            )
        });
        Self::new("CIFAR-10", CIFAR_MIRRORS, [file(CIFAR10).unpacked(files)])
    }

    /// CIFAR-100 (Krizhevsky 2009) in its binary version, 169 MB, unpacked to the 184 MB that
    /// [`Cifar100`] reads.
    pub fn cifar100() -> Self {
        let files = [
            ("cifar-100-binary/train.bin", 50_000 * (2 + PIXELS)),
            ("cifar-100-binary/test.bin", 10_000 * (2 + PIXELS)),
        ];
        Self::new("CIFAR-100", CIFAR_MIRRORS, [file(CIFAR100).unpacked(files)])
    }

    /// SVHN's cropped digits (Netzer et al. 2011), 246 MB: the training and test files that [`Svhn`]
    /// reads.
    pub fn svhn() -> Self {
        Self::new("SVHN", [SVHN_MIRROR], SVHN.map(file))
    }

    /// The extra training images of SVHN, 1.3 GB, that [`Svhn::extra`] reads.
    pub fn svhn_extra() -> Self {
        Self::new("SVHN's extra images", [SVHN_MIRROR], [file(SVHN_EXTRA)])
    }
}

impl Mnist {
    /// Downloads MNIST's files into the folder `dir`, where they are not there yet; with the feature
    /// `download`. For Fashion-MNIST and KMNIST see [`Source`].
    ///
    /// ```no_run
    /// use sam_runtime::data::Mnist;
    ///
    /// # fn main() -> Result<(), sam_runtime::data::DataError> {
    /// Mnist::download("data/mnist")?;
    /// let train = Mnist::train("data/mnist")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`DownloadError`].
    pub fn download(dir: impl AsRef<Path>) -> Result<(), DownloadError> {
        Source::mnist().download(dir)
    }
}

impl Cifar10 {
    /// Downloads and unpacks CIFAR-10 into the folder `dir`, where it is not there yet; with the feature
    /// `download`.
    ///
    /// # Errors
    /// See [`DownloadError`].
    pub fn download(dir: impl AsRef<Path>) -> Result<(), DownloadError> {
        Source::cifar10().download(dir)
    }
}

impl Cifar100 {
    /// Downloads and unpacks CIFAR-100 into the folder `dir`, where it is not there yet; with the
    /// feature `download`.
    ///
    /// # Errors
    /// See [`DownloadError`].
    pub fn download(dir: impl AsRef<Path>) -> Result<(), DownloadError> {
        Source::cifar100().download(dir)
    }
}

impl Svhn {
    /// Downloads SVHN's training and test files into the folder `dir`, where they are not there yet;
    /// with the feature `download`. The extra images are [`Source::svhn_extra`].
    ///
    /// # Errors
    /// See [`DownloadError`].
    pub fn download(dir: impl AsRef<Path>) -> Result<(), DownloadError> {
        Source::svhn().download(dir)
    }
}
