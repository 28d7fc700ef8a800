#include "cli/report.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "cli/aside.h"
#include "cli/epochs.h"
#include "wire/envelope.h"

static struct stage *running;
static volatile sig_atomic_t stop_signal, books_wanted, tick;
static volatile sig_atomic_t stop_seconds; /* since stop_signal */
static bool drawn;                         /* a progress line stands on the terminal */

enum { HINT_AFTER_S = 30, STOP_AFTER_S = 30, FLUSH_EVERY_US = 200000 };

/* ---- what is said ---- */

/* One write, so that lines of the stages of a pipe do not mix. */
static void say(struct buf *line) {
    struct err ignored;
    report_clear();
    (void)io_write(STDERR_FILENO, line->p, line->n, &ignored);
    buf_free(line);
}

/* Control characters would let a file name or a value write to the terminal. */
static void add_printable(struct buf *out, const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7F) buf_printf(out, "\\x%02x", c);
        else buf_addc(out, *text);
    }
}

static void say_message(const struct stage *st, const char *text) {
    struct buf line = {0};
    buf_printf(&line, "%s: ", st->tool->name);
    add_printable(&line, text);
    buf_addc(&line, '\n');
    say(&line);
}

void stage_note(const struct stage *st, const char *format, ...) {
    if (st->o.quiet) return;
    char text[ERR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say_message(st, text);
}

/* Events that a failure or a signal found on their way went nowhere: they are not counted. */
static void leave_out_unfinished(struct books *b, uint64_t waiting) {
    uint64_t done = b->results + b->duplicates + b->filtered + b->late + b->rejected + b->open;
    if (b->in == done + waiting || b->in == done + waiting + 1) b->in = done;
}

void report_count(struct stage *st) {
    st->books.watermark = st->inputs ? inputs_watermark(st->inputs) : TIME_NONE;
    st->books.blank = st->books.blank_before + (st->inputs ? inputs_blank(st->inputs) : 0);
}

void report_books(struct stage *st) {
    struct buf line = {0};
    report_count(st);
    struct books books = st->books;
    leave_out_unfinished(&books, st->waiting);
    books_write(&line, &books);
    say(&line);
}

/* ---- the end ---- */

/* Also when the tool fails before its output was opened: a pipe that just closes would look like an
 * empty input to the next stage. */
static void write_abort(struct stage *st, const struct err *e) {
    struct buf line = {0};
    if ((!st->writes_out && !st->sink_writes_out) || isatty(STDOUT_FILENO)) return;
    if (st->sink_writes_out) buf_addc(&line, '\n');
    abort_write(&line, st->tool->name, e->code, e->text);
    out_abort(&st->out, buf_slice(&line));
    buf_free(&line);
}

/* The result is given up; what was kept aside is not, unless the run was never to begin: then it would take the
 * place of an earlier one's for nothing. Under a checkpoint it comes again, unless it is what ends the run. */
static void give_up(struct stage *st, enum exit_code code) {
    struct err ignored;
    bool never_begun = code == EXIT_USAGE && !st->books.in;
    if (st->abandon) st->abandon(st);
    if (never_begun || (st->epochs && code != EXIT_BAD_DATA)) aside_drop(st);
    else (void)aside_close(st, &ignored);
    if (st->o.stats) report_books(st);
}

_Noreturn void stage_fail(struct stage *st, const struct err *e) {
    io_hooks = (struct io_hooks){0};
    say_message(st, e->text);
    if (e->code == EXIT_BAD_DATA) epochs_salvage(st);
    give_up(st, e->code);
    write_abort(st, e);
    exit(e->code);
}

_Noreturn void stage_usage(struct stage *st, const char *message) {
    struct err e;
    err_set(&e, EXIT_USAGE, "%s", message);
    stage_fail(st, &e);
}

static void out_of_memory(size_t wanted) {
    static bool again;
    struct err e;
    if (again) _exit(EXIT_IO);
    again = true;
    err_set(&e, EXIT_IO, "out of memory: %zu bytes more were needed", wanted);
    stage_fail(running, &e);
}

/* ---- signals ---- */

/* Has somebody read what was written so far? */
static bool writes_stream(const struct stage *st) {
    struct stat at;
    if (st->writes_out || st->sink_writes_out) return true;
    if (!st->dest) return false;
    return strcmp(st->dest, "-") == 0 ||
           (stat(st->dest, &at) == 0 && !S_ISREG(at.st_mode) && !S_ISDIR(at.st_mode));
}

static void stop(struct stage *st) {
    struct err e;
    const char *name = sigabbrev_np(stop_signal);
    char number[16];
    snprintf(number, sizeof number, "nal %d", (int)stop_signal);
    err_set(&e, (enum exit_code)(128 + stop_signal), "stopped by %s%s, %s", name ? "SIG" : "sig",
        name ? name : number,
        writes_stream(st) ? "the output is incomplete" : "nothing was published");
    stage_fail(st, &e);
}

static void on_stop(int number) {
    if (stop_signal) _exit(128 + number);
    stop_signal = number;
    /* The signal may come between the check and a call that blocks: the alarm interrupts that one. */
    alarm(1);
}

static void on_tick(int number) {
    (void)number;
    tick = 1;
    if (!stop_signal) return;
    stop_seconds++;
    alarm(1);
}

/* As a reader like head(1) wants it: no message, and the end by SIGPIPE. */
static void reader_left(void) {
    epochs_salvage(running);
    if (stop_signal) stop(running);
    if (running->epochs && running->is_source) {
        struct err e;
        err_set(&e, EXIT_IO, "a later stage of the pipeline is gone: start it again");
        stage_fail(running, &e);
    }
    io_hooks = (struct io_hooks){0};
    give_up(running, EXIT_IO);
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
}

static void on_usr1(int number) {
    (void)number;
    books_wanted = 1;
}

/* What nohup or the shell's & ignores stays ignored, what a sanitizer handles is its own: false. */
static bool catch (int number, void (*handler)(int)) {
    struct sigaction old, a = {.sa_handler = handler};
    sigemptyset(&a.sa_mask);
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_DFL) return false;
    return sigaction(number, &a, NULL) == 0;
}

/* A process that dies of a fault or by abort(3) has just time for one write. */
static char last_word[256];
static size_t last_word_n;

static void prepare_last_word(const struct stage *st) {
    struct buf line = {0};
    if (isatty(STDOUT_FILENO)) return;
    buf_addc(&line, '\n');
    abort_write(&line, st->tool->name, EXIT_BUG, "crashed");
    if (line.n <= sizeof last_word) memcpy(last_word, line.p, last_word_n = line.n);
    buf_free(&line);
}

static void on_crash(int number) {
    bool text = running->out.wire != WIRE_FRAMES; /* frames just stop, which says enough */
    if (text && (running->writes_out || running->sink_writes_out))
        (void)!write(STDOUT_FILENO, last_word, last_word_n);
    signal(number, SIG_DFL);
    raise(number);
}

/* All that would end a process: to die of one in silence would look like the end of the input. */
static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU, SIGUSR2, SIGVTALRM, SIGPROF,
    SIGIO, SIGPWR, SIGSTKFLT, 0};
static const int crashing[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP, 0};

static void catch_each(const int *numbers, void (*handler)(int)) {
    for (; *numbers; numbers++) (void)catch (*numbers, handler);
}

/* ---- progress ---- */

void report_clear(void) {
    if (drawn) (void)!write(STDERR_FILENO, "\r\033[K", 4);
    drawn = false;
}

static bool shows_progress(const struct stage *st) {
    if (st->o.progress) return true;
    if (st->o.quiet || !isatty(STDERR_FILENO) || isatty(STDOUT_FILENO) || !st->inputs) return false;
    const char *current = inputs_current(st->inputs);
    return current && source_is_regular(current);
}

static void add_left(struct buf *line, uint64_t done, uint64_t total, double seconds) {
    if (!total || !done || done > total) return;
    double left = seconds * (double)(total - done) / (double)done;
    buf_printf(line, ", %.0f%%, %.0f s left", 100.0 * (double)done / (double)total, left);
}

static void draw(struct stage *st, double seconds) {
    uint64_t done = 0, total = 0;
    struct buf line = {0};
    if (st->inputs) inputs_position(st->inputs, &done, &total);
    buf_printf(&line, "%s%s: %" PRIu64 " events, %.1f MB/s",
        isatty(STDERR_FILENO) ? "\r\033[K" : "", st->tool->name, st->books.in,
        (double)done / seconds / 1e6);
    int64_t watermark = st->inputs ? inputs_watermark(st->inputs) : TIME_NONE;
    if (watermark > TIME_MIN && watermark < TIME_MAX) {
        buf_adds(&line, ", watermark ");
        buf_add_time(&line, watermark);
    }
    add_left(&line, done, total, seconds);
    if (!isatty(STDERR_FILENO)) buf_addc(&line, '\n');
    (void)!write(STDERR_FILENO, line.p, line.n);
    drawn = isatty(STDERR_FILENO);
    buf_free(&line);
}

static void hint_once(struct stage *st, double seconds) {
    struct buf why = {0};
    if (!st->hint || st->out.wrote || seconds < HINT_AFTER_S || !isatty(STDERR_FILENO)) return;
    if (st->inputs) st->hint(st, &why);
    else buf_adds(&why, "nothing has come in yet");
    st->hint = NULL;
    stage_note(st, "no output yet: %.*s", (int)why.n, why.p);
    buf_free(&why);
}

static void report(struct stage *st) {
    tick = 0;
    int64_t now = clock_us(CLOCK_MONOTONIC);
    double seconds = (double)(now - st->started_us) / SECOND_US;
    hint_once(st, seconds);
    if (now - st->drawn_us < SECOND_US || !shows_progress(st)) return;
    st->drawn_us = now;
    draw(st, seconds);
}

/* ---- the hooks ---- */

int report_stopped(void) { return stop_signal; }

/* Under a checkpoint the epoch at hand is brought to its end first: the source stage looks for the signal. */
static bool must_stop(const struct stage *st) {
    return stop_signal && (!st->epochs || stop_seconds >= STOP_AFTER_S);
}

void report_check(void) {
    if (must_stop(running)) stop(running);
    if (books_wanted) {
        books_wanted = 0;
        report_books(running);
    }
    if (tick) report(running);
}

static void note_next_file(struct stage *st) {
    static const char *last;
    const char *current = st->inputs ? inputs_current(st->inputs) : NULL;
    if (current && current != last) stage_note(st, "reading %s", current);
    last = current;
}

/* The reader of what is written may die while nothing is written; then nobody waits for what is read. */
static bool left_alone(const struct stage *st, const struct pollfd *out) {
    return st->writes_out && out->revents & (POLLERR | POLLHUP);
}

/* Under a checkpoint a read may be the time for a cut, and an idle pipeline must notice that a part of it died. False:
 * a signal came before the source stage had its inputs; the line comes together still, and pauses. */
static bool wait_for_input(struct stage *st, int fd) {
    for (;;) {
        struct pollfd both[] = {{.fd = fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};
        report_check();
        if (stop_signal && st->is_source && !st->inputs) return false;
        (void)epochs_go_on(st);
        int n = poll(both, st->writes_out ? 2 : 1, epochs_wait_ms(st));
        if (n > 0 && left_alone(st, &both[1])) reader_left();
        if (n > 0 && both[0].revents) return true;
        if (n < 0 && errno != EINTR) return true;
    }
}

void stage_sleep(struct stage *st, int64_t until_us) {
    for (int64_t left; (left = until_us - clock_us(CLOCK_MONOTONIC)) > 0;) {
        if (st->epochs) (void)epochs_go_on(st);
        int wait_ms = st->epochs ? epochs_wait_ms(st) : -1;
        if (wait_ms >= 0 && wait_ms * 1000 < left) left = wait_ms * 1000 + 1000;
        (void)nanosleep(&(struct timespec){left / SECOND_US, left % SECOND_US * 1000}, NULL);
        report_check();
    }
}

static bool before_read(int fd, bool may_wait) {
    struct err e;
    report_check();
    if (running->o.verbose) note_next_file(running);
    /* A file does not keep anyone waiting, but a long one without much output would. */
    int64_t now = clock_us(CLOCK_MONOTONIC);
    if (!may_wait && now - running->flushed_us < FLUSH_EVERY_US) return true;
    running->flushed_us = now;
    if (running->batch) running->batch(running);
    if (running->writes_out && running->out.waits) {
        if (running->out.started) out_watermark(&running->out, stage_watermark(running));
        stage_must(running, out_flush(&running->out, &e), &e);
    }
    return !running->epochs || !may_wait || fd < 0 || wait_for_input(running, fd);
}

void report_start(struct stage *st) {
    running = st;
    st->started_us = st->drawn_us = st->flushed_us = clock_us(CLOCK_MONOTONIC);
    mem_set_oom(out_of_memory);
    io_hooks = (struct io_hooks){.interrupted = report_check, .before_read = before_read};
    if (catch (SIGPIPE, SIG_IGN)) io_hooks.reader_left = reader_left;
    catch_each(ending, on_stop);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) (void)catch (number, on_stop);
    prepare_last_word(st);
    catch_each(crashing, on_crash);
    catch (SIGUSR1, on_usr1);
    catch (SIGALRM, on_tick);
    catch (SIGXFSZ, SIG_IGN); /* a file at its limit is an error of the write, with a message */
    if (st->o.progress || (!st->o.quiet && isatty(STDERR_FILENO))) {
        struct itimerval second = {.it_interval.tv_sec = 1, .it_value.tv_sec = 1};
        setitimer(ITIMER_REAL, &second, NULL);
    }
}
