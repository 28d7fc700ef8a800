#include "source/inputs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"

struct input {
    const char *path;
    struct bytes *bytes;     /* owned by the decoder */
    struct decoder *decoder; /* NULL before it is opened and after its end */
    bool carries;            /* its events come with their watermarks */
    bool is_plain;           /* what they come with is not heeded */
    bool once;               /* it cannot be read again */
    bool has_pending;        /* an event that was read to learn where an unseekable input begins */
    enum decoded pending;
    struct event event;
    struct err err;
    struct input_position at; /* with is_resumed; its path is ours */
    uint64_t blank_before;    /* empty lines that the decoder does not count; it may wrap */
    const struct input_position *planned; /* of the epoch that comes again, or NULL; and so where */
    const struct input_position *upto;    /* it ends, unless its records come from elsewhere */
};

struct inputs {
    struct inputs_options o;
    struct input *all;
    size_t n;
    struct input *current; /* NULL at the end */
    bool merges;           /* there are watermarks */
    bool has_open, frames;
    struct control open; /* with has_open; its text is that of positions */
    char *open_text;
    bool over; /* the stream has said that all is said */
    struct watermarks watermarks;
    int64_t at_hand; /* the time of the event that may still be rejected, or TIME_NONE */
    int64_t reached; /* the stream's watermark when the last input was at its end */
    uint64_t taken;  /* records */
    uint64_t blank, done, total;    /* of inputs that are closed; total: of all, 0 when unknown */
    uint64_t blank_before;          /* of all, by earlier runs */
    struct positions from, planned; /* copies */
    struct event next;              /* of the replay, read already */
    enum decoded next_is;
    size_t next_of;
    bool next_carries, has_next;
    struct err next_why;
    struct control watermark; /* of a replayed record */
    struct json_field *fields;
};

/* Lines are gone on with where the last one ended; all else is decoded up to there. */
static bool begins_within(struct input *i, enum format f, struct decode_options *decode) {
    if (f != FORMAT_LINES || !i->at.offset || !source_skip(i->bytes, i->at.offset)) return false;
    decode->skipped = i->at.offset;
    decode->skipped_lines = i->at.lines;
    return true;
}

static bool open_decoder(struct inputs *in, struct input *i, struct err *e) {
    i->bytes = source_open(i->path, e);
    if (!i->bytes) return false;
    struct decode_options decode = in->o.decode;
    decode.at_rest = !i->once;
    /* No later run sees the rest of a pipe. */
    decode.whole_lines = decode.whole_lines && decode.at_rest;
    decode.may_open = decode.may_open && strcmp(i->path, "-") == 0;
    enum format f = in->o.format != FORMAT_AUTO ? in->o.format : format_of_name(slice_of(i->path));
    bool within = begins_within(i, f, &decode);
    i->decoder = decoder_open(f, i->bytes, in->o.scanner, &decode, e);
    if (!i->decoder) return false;
    bool ok = !i->decoder->begin || i->decoder->begin(i->decoder, e);
    if (ok && within) ok = position_is_there(&i->at) || position_changed(e);
    else if (ok && i->at.records) ok = position_reach(&i->at, i->decoder, e);
    if (!ok) return err_at(e, "%s", i->path);
    i->blank_before = i->at.blank - i->decoder->blank;
    return true;
}

static void heed(const struct inputs *in, struct input *i) {
    const struct control *open = i->decoder->open;
    bool heeded = in->has_open && (in->open.time.field || in->open.watermarks);
    i->is_plain = open && !heeded;
    i->carries = open && heeded && open->watermarks;
}

static bool input_open(struct inputs *in, struct input *i, struct err *e) {
    if (!open_decoder(in, i, e)) return false;
    heed(in, i);
    return true;
}

static void input_close(struct inputs *in, struct input *i) {
    if (!i->decoder) return;
    uint64_t at, size;
    source_position(i->bytes, &at, &size);
    in->done += at;
    in->blank += i->decoder->blank;
    i->decoder->close(i->decoder);
    i->decoder = NULL;
}

static bool accept(struct inputs *in, struct event *ev, bool peek, struct err *e) {
    return !in->o.accept || in->o.accept(in->o.ctx, ev, peek, e);
}

/* The next event or what else the decoder finds; of text without time and watermark. */
static enum decoded decode(struct input *i, struct event *ev, struct err *e) {
    ev->time = ev->watermark = TIME_NONE;
    enum decoded d = i->decoder->next(i->decoder, ev, e);
    if (i->is_plain) ev->time = ev->watermark = TIME_NONE;
    return d;
}

/* The same, or what was read to learn where the input begins. */
static enum decoded fetch(struct input *i, struct event *ev, struct err *e) {
    if (__builtin_expect(!i->has_pending, 1)) return decode(i, ev, e);
    i->has_pending = false;
    *ev = i->event;
    *e = i->err;
    return i->pending;
}

/* ---- records that are kept ---- */

static bool keep(struct inputs *in, const struct input *i, enum decoded what,
    const struct event *ev, const struct err *why, struct err *e) {
    size_t index = (size_t)(i - in->all);
    if (!in->o.journal) return true;
    struct event kept = *ev;
    /* All are counted; only a watermark has something to say once more. */
    if (what == DECODED_CONTROL)
        kept.watermark =
            ev->control->kind == CONTROL_WATERMARK ? ev->control->watermark : TIME_NONE;
    return source_journal_add(in->o.journal, index, i->carries, what, &kept, why, e);
}

static void look_at_next(struct inputs *in) {
    if (in->has_next) return;
    in->next = (struct event){.text = {"", 0}};
    in->next_is = source_journal_next(
        in->o.replay, &in->next_of, &in->next_carries, &in->next, &in->next_why);
    in->has_next = true;
}

static enum decoded scan_again(struct inputs *in, struct event *ev, struct err *e) {
    if (!in->fields) in->fields = mem_zero((size_t)json_wanted(in->o.scanner), sizeof *in->fields);
    ev->fields = in->fields;
    const char *limit = ev->text.p + ev->text.n + JSON_SLACK;
    if (json_scan(in->o.scanner, ev->text, limit, ev->fields, e)) return DECODED_EVENT;
    return DECODED_FAILED;
}

static enum decoded fetch_replayed(struct inputs *in, struct event *ev, struct err *e) {
    look_at_next(in);
    if (in->next_is == DECODED_END && in->next_of >= in->n) return DECODED_END;
    in->has_next = false;
    in->current = &in->all[in->next_of];
    in->current->carries = in->next_carries;
    *ev = in->next;
    *e = in->next_why;
    if (in->next_is == DECODED_EVENT) return scan_again(in, ev, e);
    in->watermark = (struct control){.kind = CONTROL_WATERMARK, .watermark = ev->watermark};
    ev->control = &in->watermark;
    return in->next_is;
}

static void take(struct inputs *in, struct input *i, enum decoded what, const struct event *ev) {
    position_add(&i->at, ev->text);
    /* Of a line over the limit the text is not all. */
    if (what == DECODED_BAD && strcmp(ev->bad_code, "too_long") == 0) i->at.last = 0;
    i->at.lines = ev->line;
    i->at.trailing = 0;
    i->at.ended = false;
    if (i->decoder) i->at.blank = i->blank_before + i->decoder->blank;
    bool known = i->decoder && i->decoder->offset;
    i->at.offset = known ? i->decoder->offset(i->decoder) : 0;
    in->taken++;
}

/* Of what was planned all was read before: it may be gone. */
static bool is_read(const struct input *i) { return i->upto && i->upto->records == i->at.records; }

/* The same of an input that may be gone on with later. */
static enum decoded fetch_on(struct inputs *in, struct event *ev, struct err *e) {
    struct input *i = in->current;
    if (is_read(i)) return DECODED_END;
    ev->text = (struct slice){"", 0};
    enum decoded what = in->o.replay ? fetch_replayed(in, ev, e) : fetch(i, ev, e);
    i = in->current;
    struct err failed = *e;
    if (what == DECODED_END && i->upto) {
        (void)position_changed(e);
        return DECODED_FAILED;
    }
    if (what <= DECODED_CONTROL || what == DECODED_END)
        if (!keep(in, i, what, ev, &failed, e)) return DECODED_FAILED;
    if (what <= DECODED_CONTROL) take(in, i, what, ev);
    return what;
}

/* What the event makes its input's watermark. */
static int64_t candidate(const struct inputs *in, const struct input *i, const struct event *ev) {
    if (i->carries) return ev->watermark;
    return in->o.has_lateness ? time_add(ev->time, -in->o.lateness) : TIME_NONE;
}

/* What comes next is read now and kept. */
static enum decoded hold(struct input *i) {
    if (i->has_pending) return i->pending;
    i->has_pending = true;
    return i->pending = decode(i, &i->event, &i->err);
}

/* An unseekable input gives its first event now and keeps it; one that is bad has no time, so the
 * input goes first and the event is reported then. */
static bool begin_held(
    struct inputs *in, struct input *i, int64_t *first, bool *empty, struct err *e) {
    if (!i->decoder && !input_open(in, i, e)) return false;
    *empty = hold(i) == DECODED_END;
    *first = TIME_MIN - DAY_US;
    struct event probe = i->event;
    if (i->pending == DECODED_EVENT && accept(in, &probe, true, &i->err))
        *first = candidate(in, i, &probe);
    return true;
}

/* A file is read up to its first good event, and closed again; what was bad on the way is reported when
 * it is read. */
static bool begin_file(
    struct inputs *in, struct input *i, int64_t *first, bool *empty, struct err *e) {
    if (!input_open(in, i, e)) return false;
    struct err ignored;
    enum decoded d;
    bool good = false;
    while (!good && (d = decode(i, &i->event, &ignored)) <= DECODED_CONTROL)
        good = d == DECODED_EVENT && accept(in, &i->event, true, &ignored);
    *empty = false;
    *first = good ? candidate(in, i, &i->event) : TIME_MIN - DAY_US;
    i->decoder->close(i->decoder);
    i->decoder = NULL;
    return true;
}

/* Is there nothing behind what was read before? */
static bool is_at_end(const struct inputs *in, const struct input *i) {
    struct stat st;
    if (!i->at.ended) return false;
    if (i->upto) return is_read(i) && i->upto->ended;
    if (i->at.left && !in->o.decode.whole_lines) return false;
    return stat(i->path, &st) == 0 && (uint64_t)st.st_size == i->at.size;
}

/* The watermark with which an input is merged; TIME_END where it is at its end. */
static bool find_first(struct inputs *in, struct input *i, int64_t own, struct err *e) {
    bool empty = is_at_end(in, i), known = empty || i->at.begun || in->n == 1 || in->o.replay;
    if (!known && !(i->once ? begin_held : begin_file)(in, i, &own, &empty, e)) return false;
    if (empty) input_close(in, i);
    i->at.first = empty ? TIME_END : own;
    return true;
}

static bool begin_one(struct inputs *in, size_t k, struct err *e) {
    struct input *i = &in->all[k];
    int64_t own = i->at.begun ? i->at.watermark : TIME_MIN - DAY_US;
    if (i->planned) i->at.first = i->planned->first;
    else if (!find_first(in, i, own, e)) return false;
    i->at.begun = true;
    i->at.ended = i->at.first == TIME_END;
    if (i->at.ended) in->watermarks.of[k] = own;
    else watermarks_begin(&in->watermarks, k, i->at.first);
    return true;
}

static bool begin_all(struct inputs *in, struct err *e) {
    watermarks_init(&in->watermarks, in->n);
    for (size_t k = 0; k < in->n; k++)
        if (!begin_one(in, k, e)) return false;
    /* What comes back does not pull the watermark back. */
    if (in->o.from && in->from.stream > in->watermarks.stream)
        in->watermarks.stream = in->from.stream;
    if (!in->watermarks.n) in->reached = in->o.from ? in->from.stream : TIME_NONE;
    return true;
}

/* Whom to read from. */
static void choose(struct inputs *in) {
    if (in->merges)
        in->current = in->watermarks.n ? &in->all[watermarks_next(&in->watermarks)] : NULL;
    else if (!in->current && in->n) in->current = in->all;
    if (in->merges || in->o.replay) return;
    while (in->current && !in->current->decoder && is_at_end(in, in->current))
        in->current = in->current + 1 < in->all + in->n ? in->current + 1 : NULL;
}

/* It is opened when it is its turn for the first time. */
static bool open_current(struct inputs *in, struct err *e) {
    struct input *i = in->current;
    return !i || i->decoder || in->o.replay || is_read(i) || input_open(in, i, e);
}

static bool turn(struct inputs *in, struct err *e) {
    choose(in);
    return open_current(in, e);
}

static bool take_told(struct inputs *in, struct err *e) {
    const struct positions *told = in->o.told;
    in->merges = told->merges;
    in->has_open = in->frames = told->open;
    if (told->open) in->open_text = mem_str(slice_of(told->open));
    if (told->open && !control_read(slice_of(told->open), &in->open, e)) return false;
    /* Also where nothing is new: has it changed? */
    bool is_asked = in->n == 1 && !in->o.replay && !in->o.upto;
    return !is_asked || input_open(in, in->all, e);
}

static bool ask_first(struct inputs *in, struct err *e) {
    struct input *first = in->all;
    struct buf text = {0};
    in->merges = in->o.has_lateness;
    if (!in->n) return true;
    if (!open_decoder(in, first, e)) return false;
    in->has_open = first->decoder->open;
    if (in->has_open) {
        in->frames = first->bytes->frames;
        control_write(&text, first->decoder->open);
        in->open_text = mem_str(buf_slice(&text));
        buf_free(&text);
        if (!control_read(slice_of(in->open_text), &in->open, e)) return false;
    }
    heed(in, first);
    in->merges = in->merges || first->carries;
    if (in->n > 1 && !first->once) input_close(in, first);
    return true;
}

/* How far was it read before, and how far is it to be read? */
static void find_position(struct input *i, const struct input_position *from) {
    if (from) i->at = *from;
    i->at.absent = false;
    /* What cannot be read again begins anew each time; only its watermark stays. */
    if (from && i->once)
        i->at = (struct input_position){.begun = from->begun, .watermark = from->watermark};
    i->at.path = (char *)(uintptr_t)i->path;
}

static void find_positions(struct inputs *in) {
    bool again = in->o.upto || in->o.replay;
    if (in->o.from) in->from = positions_copy(in->o.from);
    if (again && in->o.told) in->planned = positions_copy(in->o.told);
    struct position_index from = position_index_new(&in->from),
                          planned = position_index_new(&in->planned);
    for (size_t k = 0; k < in->n; k++) {
        struct input *i = &in->all[k];
        i->planned = position_index_find(&planned, i->path);
        i->once = i->planned ? i->planned->once : !source_is_regular(i->path);
        find_position(i, position_index_find(&from, i->path));
        i->upto = in->o.upto ? i->planned : NULL;
    }
    position_index_free(&from);
    position_index_free(&planned);
}

static void find_total(struct inputs *in) {
    bool known = true;
    for (size_t k = 0; k < in->n; k++) {
        struct stat st;
        known = known && !in->all[k].once && stat(in->all[k].path, &st) == 0;
        in->total = known ? in->total + (uint64_t)st.st_size : 0;
    }
}

static uint64_t blank_at(const struct inputs *in) {
    uint64_t blank = 0;
    for (size_t k = 0; k < in->n; k++) blank += in->all[k].at.blank + in->all[k].at.trailing;
    return blank;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const struct input *)a)->path, ((const struct input *)b)->path);
}

struct inputs *inputs_open(const struct inputs_options *o, struct err *e) {
    struct inputs *in = mem_zero(1, sizeof *in);
    in->o = *o;
    in->n = o->sources.n;
    in->at_hand = in->reached = TIME_NONE;
    in->all = mem_zero(in->n, sizeof *in->all);
    for (size_t k = 0; k < in->n; k++) in->all[k].path = o->sources.paths[k];
    find_positions(in);
    find_total(in);
    in->blank_before = blank_at(in);
    /* A tie of watermarks goes to the input in front: the order is then one of the data. */
    bool opened = in->o.told ? take_told(in, e) : ask_first(in, e);
    in->o.has_lateness = in->o.has_lateness && in->merges;
    if (in->merges) qsort(in->all, in->n, sizeof *in->all, by_path);
    if (!opened || (in->merges && !begin_all(in, e)) || !turn(in, e)) {
        inputs_close(in);
        return NULL;
    }
    return in;
}

void inputs_close(struct inputs *in) {
    if (!in) return;
    for (size_t k = 0; k < in->n; k++) input_close(in, &in->all[k]);
    watermarks_free(&in->watermarks);
    control_free(&in->open);
    free(in->open_text);
    positions_free(&in->from);
    positions_free(&in->planned);
    free(in->fields);
    free(in->all);
    free(in);
}

/* The end was met now, or by the run that planned this. */
static void note_end(struct input *i) {
    uint64_t at;
    if (i->decoder) source_position(i->bytes, &at, &i->at.size);
    if (i->planned) i->at.trailing = i->planned->trailing;
    else if (i->decoder) i->at.trailing = i->blank_before + i->decoder->blank - i->at.blank;
    i->at.ended = true;
    i->at.left = i->decoder && i->decoder->left;
}

static void finish_current(struct inputs *in) {
    note_end(in->current);
    input_close(in, in->current);
    in->reached = inputs_reached(in);
    if (in->merges) watermarks_end(&in->watermarks);
    else if (++in->current == in->all + in->n) {
        in->current = NULL;
        return;
    }
    choose(in);
}

static enum decoded failed(const struct event *ev, struct err *e) {
    if (ev->line) err_at(e, "%s:%" PRIu64, ev->source, ev->line);
    else err_at(e, "%s", ev->source);
    return DECODED_FAILED;
}

/* The event at hand was good. */
static void settle(struct inputs *in) {
    if (in->at_hand == TIME_NONE) return;
    if (in->o.disorder) disorder_seen(in->o.disorder, in->at_hand);
    if (in->o.has_lateness && !in->current->carries)
        watermarks_seen(&in->watermarks, time_add(in->at_hand, -in->o.lateness));
    in->at_hand = TIME_NONE;
}

static void obey(struct inputs *in, const struct control *c) {
    in->over = c->kind == CONTROL_END && c->final;
    if (c->kind == CONTROL_WATERMARK && in->merges && in->current->carries)
        watermarks_seen(&in->watermarks, c->watermark);
}

/* Has the epoch that comes again ended here, and not the input? */
static bool was_cut(struct inputs *in) {
    const struct input *i = in->current;
    if (!in->o.replay) return i->upto && !i->upto->ended;
    look_at_next(in);
    return in->next_is == DECODED_END && in->next_of >= in->n;
}

void inputs_forget(struct inputs *in) { in->at_hand = TIME_NONE; }

enum decoded inputs_next(struct inputs *in, struct event *ev, struct err *e) {
    settle(in);
    if (in->n > 1 && in->current && !turn(in, e)) return DECODED_FAILED;
    while (in->current) {
        enum decoded d = in->o.is_resumed ? fetch_on(in, ev, e) : fetch(in->current, ev, e);
        if (d == DECODED_END) {
            if (was_cut(in)) return d;
            finish_current(in);
            if (!open_current(in, e)) return DECODED_FAILED;
            continue;
        }
        ev->source = in->current->path; /* outlives the decoder */
        if (d == DECODED_FAILED) return failed(ev, e);
        if (d == DECODED_CONTROL) {
            obey(in, ev->control);
            if (!turn(in, e)) return DECODED_FAILED;
            if (ev->control->kind == CONTROL_WATERMARK) continue;
            return d;
        }
        if (d == DECODED_ABORT && strcmp(in->current->path, "-") != 0)
            err_at(e, "%s:%" PRIu64, ev->source, ev->line);
        if (d != DECODED_EVENT) return d;
        if (in->merges && in->current->carries) watermarks_seen(&in->watermarks, ev->watermark);
        if (!accept(in, ev, false, e)) return DECODED_BAD;
        ev->watermark = in->merges ? in->watermarks.stream : TIME_NONE;
        in->at_hand = ev->time;
        return DECODED_EVENT;
    }
    return DECODED_END;
}

int64_t inputs_reached(struct inputs *in) {
    settle(in);
    if (!in->current) return in->reached;
    return in->merges ? in->watermarks.stream : TIME_NONE;
}

int64_t inputs_watermark(struct inputs *in) {
    int64_t reached = inputs_reached(in);
    return in->current && !in->over ? reached : TIME_END;
}

/* To ask a pipe might mean to wait for it. What fails now does so again when it is read. */
static bool is_at_its_end(struct inputs *in, struct input *i) {
    struct err ignored;
    if (i->once) return false;
    if (open_current(in, &ignored)) return hold(i) == DECODED_END;
    input_close(in, i);
    return false;
}

/* The journal has only the ends that an event was behind. */
static bool meets_end(struct inputs *in) {
    struct input *i = in->current;
    const struct input_position *p = i->planned;
    struct event ev;
    struct err e;
    if (in->o.replay) look_at_next(in);
    if (in->o.replay && in->next_is == DECODED_END && in->next_of < in->n)
        return fetch_replayed(in, &ev, &e) == DECODED_END;
    if (p) return !i->once && p->records == i->at.records && p->ended && !i->at.ended;
    return is_at_its_end(in, i);
}

void inputs_meet_ends(struct inputs *in) {
    settle(in);
    if (in->n > 1 && in->current) choose(in);
    while (in->current && meets_end(in)) finish_current(in);
}

uint64_t inputs_taken(const struct inputs *in) { return in->taken; }

static uint64_t size_now(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

struct positions inputs_at(struct inputs *in) {
    struct positions p = {.merges = in->merges, .stream = inputs_reached(in), .n = in->n};
    if (in->open_text) p.open = mem_str(slice_of(in->open_text));
    p.of = mem_zero(in->n + 1, sizeof *p.of);
    for (size_t k = 0; k < in->n; k++) {
        struct input *i = &in->all[k];
        if (in->merges) i->at.watermark = in->watermarks.of[k];
        p.of[k] = i->at;
        i->at.first = i->at.ended ? TIME_END : i->at.watermark;
        if (i->decoder && !i->at.ended) p.of[k].size = size_now(i->path);
        /* Nobody can bring back the rest, and what has its name later is another. */
        if (i->once)
            p.of[k] = (struct input_position){.once = true,
                .begun = i->at.begun,
                .first = p.of[k].first,
                .watermark = i->at.watermark,
                .ended = true};
        p.of[k].path = mem_str(slice_of(i->path));
    }
    return p;
}

const struct control *inputs_stream(const struct inputs *in) {
    return in->has_open ? &in->open : NULL;
}

bool inputs_is_empty(const struct inputs *in) {
    uint64_t at = 1, size;
    if (in->n == 1 && in->all->decoder && in->o.format == FORMAT_AUTO)
        source_position(in->all->bytes, &at, &size);
    return at == 0;
}

bool inputs_is_frames(const struct inputs *in) { return in->frames; }

bool inputs_has_watermarks(const struct inputs *in) { return in->merges; }

const char *inputs_current(const struct inputs *in) {
    return in->current ? in->current->path : NULL;
}

uint64_t inputs_blank(const struct inputs *in) {
    uint64_t blank = in->blank;
    if (in->o.is_resumed) return blank_at(in) - in->blank_before;
    for (size_t k = 0; k < in->n; k++) blank += in->all[k].decoder ? in->all[k].decoder->blank : 0;
    return blank;
}

void inputs_position(const struct inputs *in, uint64_t *done, uint64_t *total) {
    *done = in->done;
    *total = in->total;
    for (size_t k = 0; k < in->n; k++) {
        uint64_t at = 0, size = 0;
        if (in->all[k].decoder) source_position(in->all[k].bytes, &at, &size);
        *done += at;
    }
}
