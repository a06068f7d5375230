//! The board on the terminal, drawn by a thread of its own.

use std::{
    fmt, io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    layout::{Position, Rect},
};

use super::{
    super::{
        super::{metrics::Record, stop::Interrupt},
        tell,
    },
    Board, screen,
};

/// The time between two looks at what is new.
const TICK: Duration = Duration::from_millis(100);

/// After this time it is drawn even if nothing is new: clocks run on, and the screen may have another size.
const REST: Duration = Duration::from_millis(500);

/// A dashboard on the terminal: curves, speed, time left, the last lines. [`Run`](crate::run::Run) has one where the
/// configuration says `log.dashboard = true`; this is for loops without it.
///
/// ```no_run
/// use sam_runtime::run::{metrics::Record, progress::{Dashboard, Progress}, stop::Interrupt};
///
/// let interrupt = Interrupt::listen();
/// // `None` where standard error is no terminal: then a `Progress` says it in lines.
/// if let Some(mut dashboard) = Dashboard::open("my experiment") {
///     dashboard.begin_epoch(0, 1, 0, 390);
///     for step in 1..=390 {
///         let loss = 2.3 / step as f64;
///         dashboard.step([("loss", loss)]);
///         dashboard.record(&Record::new(step, step as f64 / 390.0, "train").with("loss", loss));
///         if interrupt.asked() {
///             break;
///         }
///     }
///     dashboard.end_epoch([("accuracy", 0.93)]);
/// }
/// ```
///
/// It is drawn on the terminal's other screen, at most ten times a second, by a thread of its own: a step takes the time of
/// noting its values. Dropped, it gives the terminal back and leaves the lines on it that the bar would have left. A panic gives it back
/// before its message is printed, and so does Ctrl-C, at once, while the loop goes on to where it can end well. For that it listens
/// as [`Interrupt`] does: a loop should ask that. Only
/// [`std::process::exit`] leaves the terminal as it is.
///
/// What a program prints by itself lands on the same screen, and is gone with the next epoch: use [`println`](Self::println).
pub struct Dashboard {
    shared: Arc<Mutex<Shared>>,
    /// Dropped, it ends the thread.
    open: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    board: Board,
    /// Whether it has changed since it was drawn.
    is_new: bool,
}

impl Dashboard {
    /// Takes the terminal on standard error. `None` where there is none, where it can't (`TERM=dumb`), or where another dashboard
    /// has it.
    pub fn open(title: impl Into<String>) -> Option<Self> {
        Self::of(Board::new(title))
    }

    /// The same with what a board has already, as the curves of a run that goes on.
    pub fn of(board: Board) -> Option<Self> {
        if !screen::take() {
            return None;
        }
        let is_new = true;
        let shared = Arc::new(Mutex::new(Shared { board, is_new }));
        let (open, closed) = mpsc::channel();
        let shown = Arc::clone(&shared);
        let thread = thread::Builder::new().name("dashboard".into());
        let Ok(thread) = thread.spawn(move || show(&shown, &closed)) else {
            screen::give_back();
            return None;
        };
        Some(Self {
            shared,
            open: Some(open),
            thread: Some(thread),
        })
    }

    fn change(&self, act: impl FnOnce(&mut Board)) {
        let mut shared = lock(&self.shared);
        act(&mut shared.board);
        shared.is_new = true;
    }

    /// See [`Board::begin_epoch`].
    pub fn begin_epoch(&mut self, epoch: usize, epochs: usize, done: u64, batches: u64) {
        self.change(|board| board.begin_epoch(epoch, epochs, done, batches));
    }

    /// See [`Board::step`].
    pub fn step<'a>(&mut self, values: impl IntoIterator<Item = (&'a str, f64)>) {
        self.change(|board| board.step(values));
    }

    /// See [`Board::record`].
    pub fn record(&mut self, record: &Record) {
        self.change(|board| board.record(record));
    }

    /// See [`Board::pause`].
    pub fn pause(&mut self) {
        self.change(Board::pause);
    }

    /// See [`Board::resume`].
    pub fn resume(&mut self) {
        self.change(Board::resume);
    }

    /// Adds a line to the last ones, which stay when the dashboard has gone. Where the terminal was given back, as after
    /// Ctrl-C, it is printed there.
    pub fn println(&mut self, line: &str) {
        self.change(|board| board.println(line));
        self.print_if_given_back();
    }

    /// Ends an epoch, with a line that says what it has come to; see [`Board::end_epoch`].
    pub fn end_epoch<'a>(&mut self, values: impl IntoIterator<Item = (&'a str, f64)>) {
        self.change(|board| board.end_epoch(values));
        self.print_if_given_back();
    }

    fn print_if_given_back(&self) {
        if !screen::is_taken() {
            print_fresh(&self.shared);
        }
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        drop(self.open.take());
        if let Some(thread) = self.thread.take() {
            // Its panic has been told.
            let _ = thread.join();
        }
        screen::give_back();
        print_fresh(&self.shared);
    }
}

impl fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dashboard").finish_non_exhaustive()
    }
}

/// A fault in drawing is none of the run's.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Prints the lines that stood on the board alone.
fn print_fresh(shared: &Mutex<Shared>) {
    let fresh = lock(shared).board.take_fresh();
    fresh.iter().for_each(|line| tell(line));
}

/// Draws what is new, until `closed` says that nobody has the dashboard, or the terminal is to be given back.
fn show(shared: &Mutex<Shared>, closed: &Receiver<()>) {
    let interrupt = Interrupt::listen();
    let backend = CrosstermBackend::new(io::BufWriter::new(io::stderr()));
    let Ok(mut terminal) = Terminal::new(backend) else {
        return screen::give_back();
    };
    let mut last: Option<(Instant, usize)> = None;
    while let Err(RecvTimeoutError::Timeout) = closed.recv_timeout(TICK) {
        if interrupt.asked() {
            screen::give_back();
            print_fresh(shared);
            return tell("asked to stop: the run ends where it can go on later");
        }
        let is_old = last.is_none_or(|(drawn, _)| drawn.elapsed() >= REST);
        let board = {
            let mut shared = lock(shared);
            if !std::mem::take(&mut shared.is_new) && !is_old {
                continue;
            }
            shared.board.clone()
        };
        let is_other_epoch = last.is_none_or(|(_, epoch)| epoch != board.epoch);
        let is_drawn = screen::draw(|| {
            if is_other_epoch {
                // What others have printed meanwhile goes. `clear` would ask the terminal for its cursor, and read the
                // answer from the program's input.
                let size = Rect::from((Position::ORIGIN, terminal.size()?));
                terminal.resize(size)?;
            }
            terminal.draw(|frame| frame.render_widget(&board, frame.area()))?;
            Ok(())
        });
        if !is_drawn {
            return screen::give_back();
        }
        last = Some((Instant::now(), board.epoch));
    }
}
