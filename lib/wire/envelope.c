#include "wire/envelope.h"

#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "json/value.h"

/* ---- base64, RFC 4648 section 4 ---- */

static const char base64_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void base64_write(struct buf *out, struct slice s) {
    for (size_t i = 0; i < s.n; i += 3) {
        size_t n = s.n - i < 3 ? s.n - i : 3;
        unsigned char in[3] = {0};
        memcpy(in, s.p + i, n);
        unsigned v = (unsigned)in[0] << 16 | (unsigned)in[1] << 8 | in[2];
        for (size_t k = 0; k < 4; k++)
            buf_addc(out, k <= n ? base64_letters[v >> (18 - 6 * k) & 63] : '=');
    }
}

static bool base64_read(struct slice s, struct buf *out) {
    if (s.n % 4) return false;
    size_t padding = s.n == 0 ? 0 : (size_t)(s.p[s.n - 1] == '=') + (s.p[s.n - 2] == '=');
    unsigned v = 0;
    for (size_t i = 0; i < s.n; i++) {
        const char *letter = i + padding < s.n && s.p[i] ? strchr(base64_letters, s.p[i]) : NULL;
        if (!letter && (i + padding < s.n || s.p[i] != '=')) return false;
        v = v << 6 | (unsigned)(letter ? letter - base64_letters : 0);
        if (i % 4 != 3) continue;
        size_t n = i + 1 == s.n ? 3 - padding : 3;
        for (size_t k = 0; k < n; k++) buf_addc(out, (char)(v >> (16 - 8 * k)));
        v = 0;
    }
    return true;
}

/* ---- writing ---- */

static struct slice trimmed(struct slice s) {
    while (s.n && strchr(" \t\r\n", s.p[0]) && s.p[0]) s = (struct slice){s.p + 1, s.n - 1};
    while (s.n && strchr(" \t\r\n", s.p[s.n - 1]) && s.p[s.n - 1]) s.n--;
    return s;
}

/* Names of files and messages may hold any byte; a line of JSON may not. */
static void write_text(struct buf *out, struct slice s) {
    struct buf clean = {0};
    size_t bad;
    while (!utf8_valid(s, &bad)) {
        buf_add(&clean, s.p, bad);
        buf_adds(&clean, "\xEF\xBF\xBD");
        s = (struct slice){s.p + bad + 1, s.n - bad - 1};
    }
    buf_add_slice(&clean, s);
    json_write_string(out, buf_slice(&clean));
    buf_free(&clean);
}

static void name_member(struct buf *out, const char *name) { buf_printf(out, ",\"%s\":", name); }

static void text_member(struct buf *out, const char *name, const char *text) {
    if (!text) return;
    name_member(out, name);
    write_text(out, slice_of(text));
}

static void time_member(struct buf *out, const char *name, int64_t t) {
    if (t == TIME_NONE || t == TIME_END) return;
    name_member(out, name);
    buf_addc(out, '"');
    buf_add_time(out, t);
    buf_addc(out, '"');
}

static void event_member(struct buf *out, struct slice text, bool is_json) {
    if (is_json) {
        name_member(out, "event");
        buf_add_slice(out, trimmed(text));
    } else if (utf8_valid(text, NULL)) {
        name_member(out, "raw");
        json_write_string(out, text);
    } else {
        name_member(out, "raw_base64");
        buf_addc(out, '"');
        base64_write(out, text);
        buf_addc(out, '"');
    }
}

void envelope_write(struct buf *out, const struct envelope *v, const struct event *ev) {
    buf_adds(out, "{\"kind\":");
    write_text(out, slice_of(v->kind));
    text_member(out, "code", v->code);
    text_member(out, "message", v->message);
    text_member(out, "tool", v->tool);
    text_member(out, "source", ev->source);
    if (ev->line) buf_printf(out, ",\"line\":%llu", (unsigned long long)ev->line);
    text_member(out, "field", v->field);
    if (v->value.p) {
        name_member(out, "value");
        buf_add_slice(out, v->value);
    }
    time_member(out, "window_start", v->window_start);
    time_member(out, "watermark", v->watermark);
    if (v->late_by) {
        name_member(out, "late_by");
        decimal_write(out, &(struct decimal){.small = v->late_by, .scale = 6});
    }
    event_member(out, ev->text, v->is_json);
    buf_adds(out, "}\n");
}

void abort_write(struct buf *out, const char *tool, enum exit_code code, const char *message) {
    buf_adds(out, "{\"" CONTROL_FIELD "\":\"abort\",\"tool\":");
    write_text(out, slice_of(tool));
    buf_printf(out, ",\"code\":%d,\"message\":", (int)code);
    write_text(out, slice_of(message));
    buf_adds(out, "}\n");
}

/* ---- reading ---- */

/* The member of that name, the last of several; JSON_MISSING without one. */
static struct json_field member(struct slice object, const char *name) {
    object = trimmed(object);
    struct json_field of = {.p = object.p, .n = (uint32_t)object.n, .kind = JSON_OBJECT};
    struct json_field key, value, found = {0};
    struct json_walk at = {0};
    struct buf scratch = {0};
    while (json_next(&of, &at, &key, &value)) {
        struct slice k;
        if (json_text(&key, &scratch, &k) && slice_is(k, name)) found = value;
    }
    buf_free(&scratch);
    return found;
}

static bool is_string(const struct json_field *f, const char *want) {
    struct buf scratch = {0};
    struct slice text;
    bool is = f->kind == JSON_STRING && json_text(f, &scratch, &text) && slice_is(text, want);
    buf_free(&scratch);
    return is;
}

static bool is_envelope(struct slice object) {
    struct json_field kind = member(object, "kind");
    return is_string(&kind, "late") || is_string(&kind, "reject") || is_string(&kind, "dup");
}

/* The text of a string member appended to scratch; false: there is none, or it is not text. */
static bool append_string(struct slice object, const char *name, struct buf *scratch) {
    struct json_field f = member(object, name);
    return f.kind == JSON_STRING && json_unescape(json_slice(&f), scratch);
}

bool envelope_unwrap(struct slice object, struct buf *scratch, struct slice *event, struct err *e) {
    if (!is_envelope(object))
        return err_set(
            e, EXIT_BAD_DATA, "not an envelope: \"kind\" is not \"late\", \"reject\" or \"dup\"");
    struct json_field inner = member(object, "event");
    *event = json_slice(&inner);
    if (inner.kind == JSON_OBJECT) return true;
    size_t before = scratch->n;
    struct buf coded = {0};
    bool good = append_string(object, "raw", scratch);
    if (!good && append_string(object, "raw_base64", &coded))
        good = base64_read(buf_slice(&coded), scratch);
    buf_free(&coded);
    buf_reserve(scratch, 1); /* or an empty text would lie nowhere */
    *event = (struct slice){scratch->p + before, scratch->n - before};
    if (good) return true;
    scratch->n = before;
    return err_set(
        e, EXIT_BAD_DATA, "not an envelope: no \"event\", \"raw\" or \"raw_base64\" in it");
}

static void add_printable(
    struct buf *out, struct slice object, const char *name, const char *otherwise) {
    size_t from = out->n;
    if (!append_string(object, name, out)) buf_adds(out, otherwise);
    for (size_t i = from; i < out->n; i++)
        if ((unsigned char)out->p[i] < ' ' || out->p[i] == 0x7F) out->p[i] = '?';
}

bool abort_read(struct slice object, struct err *e) {
    struct json_field control = member(object, CONTROL_FIELD);
    if (!is_string(&control, "abort")) return false;
    struct buf said = {0};
    add_printable(&said, object, "tool", "a tool");
    buf_adds(&said, " failed upstream: ");
    add_printable(&said, object, "message", "no reason given");
    err_set(e, EXIT_IO, "%.*s", (int)(said.n < ERR_TEXT ? said.n : ERR_TEXT), said.p);
    buf_free(&said);
    return true;
}
