#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "source/inputs_inside.h"

/* The same, or what was read to learn where the input begins. */
static enum decoded fetch(struct input *i, struct event *ev, struct err *e) {
    if (__builtin_expect(!i->has_pending, 1)) return input_decode(i, ev, e);
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

/* The same of an input that may be gone on with later. */
static enum decoded fetch_on(struct inputs *in, struct event *ev, struct err *e) {
    struct input *i = in->current;
    if (input_is_read(i)) return DECODED_END;
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

/* Is there nothing behind what was read before? */
bool input_is_at_end(const struct inputs *in, const struct input *i) {
    struct stat st;
    if (!i->at.ended) return false;
    if (i->upto) return input_is_read(i) && i->upto->ended;
    if (i->at.left && !in->o.decode.whole_lines) return false;
    return stat(i->path, &st) == 0 && (uint64_t)st.st_size == i->at.size;
}

/* Whom to read from. */
static void choose(struct inputs *in) {
    if (in->merges)
        in->current = in->watermarks.n ? &in->all[watermarks_next(&in->watermarks)] : NULL;
    else if (!in->current && in->n) in->current = in->all;
    if (in->merges || in->o.replay) return;
    while (in->current && !in->current->decoder && input_is_at_end(in, in->current))
        in->current = in->current + 1 < in->all + in->n ? in->current + 1 : NULL;
}

/* It is opened when it is its turn for the first time. */
static bool open_current(struct inputs *in, struct err *e) {
    struct input *i = in->current;
    return !i || i->decoder || in->o.replay || input_is_read(i) || input_open(in, i, e);
}

bool inputs_turn(struct inputs *in, struct err *e) {
    choose(in);
    return open_current(in, e);
}

uint64_t inputs_blank_at(const struct inputs *in) {
    uint64_t blank = 0;
    for (size_t k = 0; k < in->n; k++) blank += in->all[k].at.blank + in->all[k].at.trailing;
    return blank;
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
    if (in->n > 1 && in->current && !inputs_turn(in, e)) return DECODED_FAILED;
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
            if (!inputs_turn(in, e)) return DECODED_FAILED;
            if (ev->control->kind == CONTROL_WATERMARK) continue;
            return d;
        }
        if (d == DECODED_ABORT && strcmp(in->current->path, "-") != 0)
            err_at(e, "%s:%" PRIu64, ev->source, ev->line);
        if (d != DECODED_EVENT) return d;
        if (in->merges && in->current->carries) watermarks_seen(&in->watermarks, ev->watermark);
        if (!input_accept(in, ev, false, e)) return DECODED_BAD;
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
    if (open_current(in, &ignored)) return input_hold(i) == DECODED_END;
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
    if (in->o.is_resumed) return inputs_blank_at(in) - in->blank_before;
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
