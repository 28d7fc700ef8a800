#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "source/inputs_inside.h"

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

bool input_open(struct inputs *in, struct input *i, struct err *e) {
    if (!open_decoder(in, i, e)) return false;
    heed(in, i);
    return true;
}

void input_close(struct inputs *in, struct input *i) {
    if (!i->decoder) return;
    uint64_t at, size;
    source_position(i->bytes, &at, &size);
    in->done += at;
    in->blank += i->decoder->blank;
    i->decoder->close(i->decoder);
    i->decoder = NULL;
}

/* What the event makes its input's watermark. */
static int64_t candidate(const struct inputs *in, const struct input *i, const struct event *ev) {
    if (i->carries) return ev->watermark;
    return in->o.has_lateness ? time_add(ev->time, -in->o.lateness) : TIME_NONE;
}

/* What comes next is read now and kept. */
enum decoded input_hold(struct input *i) {
    if (i->has_pending) return i->pending;
    i->has_pending = true;
    return i->pending = input_decode(i, &i->event, &i->err);
}

/* An unseekable input gives its first event now and keeps it; one that is bad has no time, so the
 * input goes first and the event is reported then. */
static bool begin_held(
    struct inputs *in, struct input *i, int64_t *first, bool *empty, struct err *e) {
    if (!i->decoder && !input_open(in, i, e)) return false;
    *empty = input_hold(i) == DECODED_END;
    *first = TIME_MIN - DAY_US;
    struct event probe = i->event;
    if (i->pending == DECODED_EVENT && input_accept(in, &probe, true, &i->err))
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
    while (!good && (d = input_decode(i, &i->event, &ignored)) <= DECODED_CONTROL)
        good = d == DECODED_EVENT && input_accept(in, &i->event, true, &ignored);
    *empty = false;
    *first = good ? candidate(in, i, &i->event) : TIME_MIN - DAY_US;
    i->decoder->close(i->decoder);
    i->decoder = NULL;
    return true;
}

/* The watermark with which an input is merged; TIME_END where it is at its end. */
static bool find_first(struct inputs *in, struct input *i, int64_t own, struct err *e) {
    bool empty = input_is_at_end(in, i), known = empty || i->at.begun || in->n == 1;
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

static bool take_open(struct inputs *in, struct slice text, bool frames, struct err *e) {
    in->has_open = true;
    in->frames = frames;
    in->open_text = mem_str(text);
    return control_read(slice_of(in->open_text), &in->open, e);
}

static bool take_told(struct inputs *in, struct err *e) {
    const struct positions *told = in->o.told;
    in->merges = told->merges;
    if (told->open && !take_open(in, slice_of(told->open), true, e)) return false;
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
    if (first->decoder->open) {
        control_write(&text, first->decoder->open);
        bool ok = take_open(in, buf_slice(&text), first->bytes->frames, e);
        buf_free(&text);
        if (!ok) return false;
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
    if (again) in->planned = positions_copy(in->o.told);
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
    in->blank_before = inputs_blank_at(in);
    /* A tie of watermarks goes to the input in front: the order is then one of the data. */
    bool opened = in->o.told ? take_told(in, e) : ask_first(in, e);
    in->o.has_lateness = in->o.has_lateness && in->merges;
    if (in->merges) qsort(in->all, in->n, sizeof *in->all, by_path);
    if (!opened || (in->merges && !begin_all(in, e)) || !inputs_turn(in, e)) {
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
