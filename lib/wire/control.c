#include "wire/control.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const kinds[] = {[CONTROL_OPEN] = "open",
    [CONTROL_WATERMARK] = "watermark",
    [CONTROL_BARRIER] = "barrier",
    [CONTROL_END] = "end"};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* ---- writing ---- */

static void set_text(json_t *of, const char *name, const char *text) {
    if (text) json_object_set_new(of, name, json_string(text));
}

static json_t *pack_time(const struct control_time *t) {
    json_t *o = json_object();
    set_text(o, "field", t->field);
    set_text(o, "format", t->format);
    set_text(o, "unit", time_unit_name(t->unit));
    set_text(o, "zone", t->zone);
    if (t->minus) json_object_set_new(o, "minus_us", json_integer(t->minus));
    return o;
}

static void set_number(json_t *of, const char *name, uint64_t v) {
    json_object_set_new(of, name, json_integer((json_int_t)v));
}

static json_t *pack_checkpoint(const struct control *c) {
    json_t *o = json_object();
    set_text(o, "pipeline", c->pipeline.name);
    set_text(o, "uuid", c->pipeline.uuid);
    set_number(o, "generation", (uint64_t)c->pipeline.generation);
    set_number(o, "epoch", c->epoch);
    set_number(o, "planned", c->planned);
    set_text(o, "stages", c->pipeline.stages);
    if (c->pipeline.keeps) json_object_set_new(o, "keep", json_true());
    return o;
}

static void pack_epoch(json_t *o, const struct control *c) {
    set_number(o, "epoch", c->epoch);
    set_number(o, "previous", c->previous);
    set_number(o, "committed", c->committed);
    char plan[20];
    snprintf(plan, sizeof plan, "%016" PRIx64, c->plan);
    set_text(o, "plan", plan);
}

static void pack(json_t *o, const struct control *c) {
    struct buf text = {0};
    switch (c->kind) {
    case CONTROL_OPEN:
        json_object_set_new(o, "version", json_integer(STREAM_VERSION));
        set_text(o, "tool", c->tool);
        if (c->time.field) json_object_set_new(o, "time", pack_time(&c->time));
        json_object_set_new(o, "watermarks", json_boolean(c->watermarks));
        if (c->pipeline.name) json_object_set_new(o, "checkpoint", pack_checkpoint(c));
        break;
    case CONTROL_WATERMARK:
        buf_add_time(&text, c->watermark);
        json_object_set_new(o, "time", json_stringn(text.p, text.n));
        break;
    case CONTROL_BARRIER: pack_epoch(o, c); break;
    case CONTROL_END:
        json_object_set_new(o, "final", json_boolean(c->final));
        if (c->epoch) pack_epoch(o, c);
        break;
    }
    buf_free(&text);
}

static int append(const char *p, size_t n, void *out) {
    buf_add(out, p, n);
    return 0;
}

void control_write(struct buf *out, const struct control *c) {
    json_t *o = json_object();
    set_text(o, CONTROL_FIELD, kinds[c->kind]);
    pack(o, c);
    if (!o || json_dump_callback(o, append, out, JSON_COMPACT) != 0) mem_exhausted(out->n);
    json_decref(o);
}

/* ---- reading ---- */

static bool bad(struct err *e, const char *kind, const char *what) {
    return err_set(e, EXIT_BAD_DATA, "a control record \"%s\": %s", kind, what);
}

/* A member that may be missing: its text, owned, or NULL. False where it is something else. */
static bool get_text(const json_t *of, const char *name, char **out) {
    const json_t *v = json_object_get(of, name);
    if (json_is_string(v)) *out = mem_str(slice_of(json_string_value(v)));
    return !v || json_is_string(v);
}

static bool get_unit(const json_t *of, enum time_unit *out) {
    const json_t *v = json_object_get(of, "unit");
    *out = time_unit_named(json_string_value(v));
    return !v || *out != UNIT_GUESS;
}

static bool get_flag(const json_t *of, const char *name, bool *out) {
    const json_t *v = json_object_get(of, name);
    *out = json_is_true(v);
    return json_is_boolean(v);
}

static bool get_minus(const json_t *of, int64_t *out) {
    const json_t *v = json_object_get(of, "minus_us");
    *out = json_integer_value(v);
    return !v || (json_is_integer(v) && *out >= 0 && *out <= DAY_US);
}

bool stream_version_is_known(int64_t version, struct err *e) {
    return version == STREAM_VERSION ||
           err_set(e, EXIT_BAD_DATA,
               "the stream is of version %lld, and this tool knows version %d: take tools of one "
               "release for a pipeline",
               (long long)version, STREAM_VERSION);
}

static bool get_number(const json_t *of, const char *name, uint64_t *out) {
    const json_t *v = json_object_get(of, name);
    *out = (uint64_t)json_integer_value(v);
    return json_is_integer(v) && json_integer_value(v) >= 0;
}

static bool get_hash(const json_t *of, const char *name, uint64_t *out) {
    const char *text = json_string_value(json_object_get(of, name));
    bool ok = text && strlen(text) == 16 && strspn(text, "0123456789abcdef") == 16;
    *out = ok ? strtoull(text, NULL, 16) : 0;
    return ok;
}

static bool get_checkpoint(const json_t *o, struct control *c) {
    const json_t *of = json_object_get(o, "checkpoint");
    uint64_t generation = 0;
    bool ok = !of ||
              (get_text(of, "pipeline", &c->pipeline.name) && c->pipeline.name &&
                  get_text(of, "uuid", &c->pipeline.uuid) && c->pipeline.uuid &&
                  get_text(of, "stages", &c->pipeline.stages) &&
                  get_number(of, "generation", &generation) && get_number(of, "epoch", &c->epoch) &&
                  get_number(of, "planned", &c->planned) && c->planned >= c->epoch);
    c->pipeline.generation = (int64_t)generation;
    c->pipeline.keeps = json_is_true(json_object_get(of, "keep"));
    return ok;
}

static bool get_epoch(const json_t *o, struct control *c) {
    return get_number(o, "epoch", &c->epoch) && get_number(o, "previous", &c->previous) &&
           get_number(o, "committed", &c->committed) && c->previous <= c->epoch &&
           c->committed <= c->epoch && get_hash(o, "plan", &c->plan);
}

static bool read_end(const json_t *o, struct control *c, struct err *e) {
    if (!get_flag(o, "final", &c->final)) return bad(e, "end", "no \"final\"");
    return !json_object_get(o, "epoch") || get_epoch(o, c) ||
           bad(e, "end", "its epoch is not understood");
}

/* A conversion that is not read would make each time of the stream bad. */
static bool check_format(const char *format, struct err *e) {
    if (!format || time_format_check(format, e)) return true;
    e->code = EXIT_BAD_DATA;
    return err_at(e, "the open record");
}

static bool read_open(const json_t *o, struct control *c, struct err *e) {
    const json_t *version = json_object_get(o, "version"), *time = json_object_get(o, "time");
    if (!stream_version_is_known(json_integer_value(version), e)) return false;
    if (!get_text(o, "tool", &c->tool)) return bad(e, "open", "\"tool\" is no text");
    if (!get_flag(o, "watermarks", &c->watermarks)) return bad(e, "open", "no \"watermarks\"");
    if (!get_checkpoint(o, c)) return bad(e, "open", "\"checkpoint\" is not understood");
    if (!time) return true;
    bool known = get_text(time, "field", &c->time.field) && c->time.field &&
                 get_text(time, "format", &c->time.format) && get_unit(time, &c->time.unit) &&
                 get_text(time, "zone", &c->time.zone) && get_minus(time, &c->time.minus);
    return known ? check_format(c->time.format, e) : bad(e, "open", "\"time\" is not understood");
}

static bool read_watermark(const json_t *o, struct control *c, struct err *e) {
    const char *text = json_string_value(json_object_get(o, "time"));
    struct time_format plain = {0};
    return (text && time_parse(&plain, slice_of(text), &c->watermark) == TIME_OK) ||
           bad(e, "watermark", "no \"time\"");
}

static bool read_kind(const json_t *o, struct control *c, struct err *e) {
    const char *name = json_string_value(json_object_get(o, CONTROL_FIELD));
    int kind = 0;
    while (name && kind < KINDS && strcmp(name, kinds[kind]) != 0) kind++;
    c->kind = (enum control_kind)kind;
    return (name && kind < KINDS) ||
           err_set(e, EXIT_BAD_DATA, "no control record is named %s",
               name ? QUOTED(slice_of(name)) : "so: \"" CONTROL_FIELD "\" is no text");
}

static bool read_members(const json_t *o, struct control *c, struct err *e) {
    if (!read_kind(o, c, e)) return false;
    switch (c->kind) {
    case CONTROL_OPEN: return read_open(o, c, e);
    case CONTROL_WATERMARK: return read_watermark(o, c, e);
    case CONTROL_BARRIER:
        return get_epoch(o, c) || bad(e, "barrier", "its epoch is not understood");
    case CONTROL_END: return read_end(o, c, e);
    }
    return false;
}

bool control_read(struct slice object, struct control *c, struct err *e) {
    *c = (struct control){0};
    json_error_t why;
    json_t *o = json_loadb(object.p, object.n, 0, &why);
    bool ok = o ? read_members(o, c, e)
                : err_set(e, EXIT_BAD_DATA, "a control record is not understood: %s", why.text);
    json_decref(o);
    if (!ok) control_free(c);
    return ok;
}

void control_free(struct control *c) {
    free(c->tool);
    free(c->time.field);
    free(c->time.format);
    free(c->time.zone);
    free(c->pipeline.name);
    free(c->pipeline.uuid);
    free(c->pipeline.stages);
    *c = (struct control){0};
}

static char *copy(const char *text) { return text ? mem_str(slice_of(text)) : NULL; }

struct control_time control_time_copy(const struct control_time *t) {
    return (struct control_time){.field = copy(t->field),
        .format = copy(t->format),
        .zone = copy(t->zone),
        .unit = t->unit,
        .minus = t->minus};
}
