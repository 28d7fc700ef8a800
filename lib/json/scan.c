#include "json/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json/inner.h"
#include "json/value.h"

static const struct engine *choose_engine(void) {
#ifdef __x86_64__
    const char *forced = getenv("EV_CPU");
    bool portable = forced && strcmp(forced, "portable") == 0;
    if (!portable && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("bmi2"))
        return &json_engine_avx2;
#endif
    return &json_engine_portable;
}

const char *json_scan_engine(void) { return choose_engine()->name; }

struct json_scanner *json_scanner_new(int max_depth) {
    struct json_scanner *s = mem_zero(1, sizeof *s);
    s->engine = choose_engine();
    s->max_depth = max_depth;
    s->is_object = mem_zero((size_t)max_depth / 64 + 1, sizeof *s->is_object);
    s->wants = mem_zero(1, sizeof *s->wants);
    s->wants[0].index = -1;
    s->n_wants = 1;
    s->n_frames = 2;
    s->frames = mem_zero(2, sizeof *s->frames);
    return s;
}

void json_scanner_free(struct json_scanner *s) {
    if (!s) return;
    for (int i = 0; i < s->n_wants; i++) free((char *)s->wants[i].step.key.p);
    free(s->wants);
    free(s->frames);
    free(s->is_object);
    buf_free(&s->key);
    shapes_free(&s->shapes);
    free(s);
}

/* ---- what is wanted ---- */

static int add_child(struct json_scanner *s, int parent, const struct json_step *step) {
    s->wants = mem_grow(s->wants, (size_t)s->n_wants + 1, sizeof *s->wants);
    int i = s->n_wants++;
    struct want *w = &s->wants[parent];
    s->wants[i] = (struct want){.step = *step, .index = -1, .sibling = w->child};
    if (step->key.p) s->wants[i].step.key.p = mem_str(step->key);
    w->child = i;
    w->key_lengths |= UINT64_C(1) << step->key.n % 64;
    return i;
}

int json_want(struct json_scanner *s, const struct json_path *path) {
    int at = 0;
    for (size_t i = 0; i < path->n; i++) {
        int child = s->wants[at].child;
        while (child && !json_step_eq(&s->wants[child].step, &path->steps[i]))
            child = s->wants[child].sibling;
        at = child ? child : add_child(s, at, &path->steps[i]);
    }
    /* A container at depth d is a value at step d - 1. */
    if ((int)path->n + 2 > s->n_frames) {
        s->n_frames = (int)path->n + 2;
        s->frames = mem_grow(s->frames, (size_t)s->n_frames, sizeof *s->frames);
        memset(s->frames, 0, (size_t)s->n_frames * sizeof *s->frames);
    }
    if (s->wants[at].index < 0) s->wants[at].index = s->n_fields++;
    return s->wants[at].index;
}

int json_wanted(const struct json_scanner *s) { return s->n_fields; }

/* Depth is that of a wanted path, not of the input. */
static void forget_fields(
    const struct json_scanner *s, const struct want *w, struct json_field *out) {
    if (w->index >= 0) out[w->index] = (struct json_field){0};
    for (int i = w->child; i; i = s->wants[i].sibling) forget_fields(s, &s->wants[i], out);
}

struct want *want_known_key(struct json_scanner *s, struct want *node, struct slice key,
    bool escaped, struct json_field *out) {
    if (escaped) {
        s->key.n = 0;
        if (!json_unescape(key, &s->key)) return NULL;
        key = buf_slice(&s->key);
    }
    for (int i = node->child; i; i = s->wants[i].sibling) {
        struct want *w = &s->wants[i];
        if (!w->step.key.p || !slice_eq(w->step.key, key)) continue;
        if (w->seen == s->scans) {
            s->repeated = true;
            forget_fields(s, w, out);
        }
        w->seen = s->scans;
        return w;
    }
    return NULL;
}

struct want *want_index(struct json_scanner *s, const struct want *node, long index) {
    for (int i = node->child; i; i = s->wants[i].sibling)
        if (!s->wants[i].step.key.p && s->wants[i].step.index == index) return &s->wants[i];
    return NULL;
}

/* ---- errors ---- */

bool scan_expected(struct err *e, struct slice text, const char *at, const char *expected) {
    size_t byte = (size_t)(at - text.p) + 1;
    if (text.n == 0) return err_set(e, EXIT_BAD_DATA, "empty: expected %s", expected);
    if (at >= text.p + text.n)
        return err_set(e, EXIT_BAD_DATA, "ends where %s was expected", expected);
    char found[16];
    unsigned char c = (unsigned char)*at;
    snprintf(found, sizeof found, c > ' ' && c < 0x7F ? "'%c'" : "byte 0x%02x", c);
    return err_set(e, EXIT_BAD_DATA, "byte %zu: expected %s, found %s", byte, expected, found);
}

bool scan_bad_string(struct err *e, struct slice text, const char *at) {
    size_t byte = (size_t)(at - text.p) + 1, left = text.n - (byte - 1);
    if (left == 0 || (*at == '\\' && left == 1))
        return err_set(e, EXIT_BAD_DATA, "ends inside a string");
    if (*at == '\\') return err_set(e, EXIT_BAD_DATA, "byte %zu: bad escape in a string", byte);
    if (*at & 0x80) return err_set(e, EXIT_BAD_DATA, "byte %zu: not UTF-8", byte);
    return err_set(e, EXIT_BAD_DATA, "byte %zu: control character 0x%02x in a string", byte, *at);
}

bool scan_too_deep(struct err *e, int max_depth) {
    return err_set(e, EXIT_BAD_DATA, "more than %d levels deep (--max-depth)", max_depth);
}

/* ---- scanning ---- */

static void all_missing(const struct json_scanner *s, struct json_field *out) {
    if (s->n_fields) memset(out, 0, (size_t)s->n_fields * sizeof *out);
}

bool json_scan(struct json_scanner *s, struct slice text, const char *limit, struct json_field *out,
    struct err *e) {
    if (text.n > UINT32_MAX) return err_set(e, EXIT_BAD_DATA, "longer than 4 GiB");
    all_missing(s, out);
    s->scans++;
    s->repeated = false;
    if (!s->engine->text(s, text, limit, out, e)) {
        all_missing(s, out);
        return false;
    }
    if (text.p == s->missed && !s->repeated) shapes_learn(&s->shapes, text, out, s->n_fields);
    s->missed = NULL;
    return true;
}

const char *json_scan_line(struct json_scanner *s, const char *p, const char *end,
    struct json_field *out, size_t *text_n) {
    if ((size_t)(end - p) > UINT32_MAX || !shapes_try(&s->shapes)) return NULL;
    const char *newline = s->engine->line(&s->shapes, p, end, out, text_n);
    shapes_tried(&s->shapes, newline != NULL);
    s->missed = newline ? NULL : p;
    return newline;
}
