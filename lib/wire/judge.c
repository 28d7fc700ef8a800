#include "wire/judge.h"

#include <stdlib.h>

#include "wire/envelope.h"

void judge_init(struct judge *j, struct json_scanner *scanner, const struct decode_options *o) {
    struct json_step step = {.key = slice_of(CONTROL_FIELD)};
    *j = (struct judge){.scanner = scanner,
        .control = json_want(scanner, &(struct json_path){&step, 1}),
        .obeys = !o->at_rest};
}

void judge_free(struct judge *j) {
    free(j->fields);
    control_free(&j->open);
    control_free(&j->last);
}

static enum decoded failed(struct err *e, const char *text) {
    err_set(e, EXIT_BAD_DATA, "%s", text);
    return DECODED_FAILED;
}

bool judge_open(struct judge *j, struct slice object, struct err *e) {
    if (!control_read(object, &j->open, e)) return false;
    if (j->open.kind != CONTROL_OPEN)
        return err_set(e, EXIT_BAD_DATA, "the stream does not begin with its open record");
    j->opened = true;
    return true;
}

enum decoded judge_record(struct judge *j, struct slice object, struct event *ev, struct err *e) {
    control_free(&j->last);
    if (!control_read(object, &j->last, e)) return DECODED_FAILED;
    if (j->last.kind == CONTROL_OPEN)
        return failed(e, "a second open record: two streams were put together");
    j->ended = j->last.kind == CONTROL_END;
    ev->control = &j->last;
    return DECODED_CONTROL;
}

enum decoded judge_truncated(const struct judge *j, struct err *e) {
    err_set(e, EXIT_IO,
        "the stream stops before its end: %s upstream was killed, or what stands between dropped "
        "the last line",
        j->open.tool ? j->open.tool : "a tool");
    return DECODED_FAILED;
}

enum decoded judge_end(const struct judge *j, struct err *e) {
    return j->opened && !j->ended ? judge_truncated(j, e) : DECODED_END;
}

enum decoded judge_beyond(struct err *e) {
    return failed(e, "the stream goes on behind its end: two streams were put together");
}

enum decoded judge_control(struct judge *j, struct event *ev, struct err *e) {
    bool aborts = abort_read(ev->text, e);
    if (!aborts && j->opened) return judge_record(j, ev->text, ev, e);
    if (!aborts) {
        err_set(
            e, EXIT_BAD_DATA, "a top-level \"" CONTROL_FIELD "\" is reserved for control lines");
    } else if (j->obeys) {
        return DECODED_ABORT;
    } else {
        e->code = EXIT_BAD_DATA;
        err_at(e, "an abort line");
    }
    return decoded_bad(ev, "control");
}

static const char *with_article(char first) {
    switch (first) {
    case '[': return "an array";
    case '"': return "a string";
    case 't': return "true";
    case 'f': return "false";
    case 'n': return "null";
    default: return "a number";
    }
}

enum decoded judge_text(
    struct judge *j, struct slice text, const char *limit, struct event *ev, struct err *e) {
    ev->text = text;
    ev->fields = judge_fields(j);
    if (!json_scan(j->scanner, text, limit, ev->fields, e)) return decoded_bad(ev, "bad_json");
    char first = text.p[strspn(text.p, " \t\r\n")];
    if (first != '{') {
        err_set(e, EXIT_BAD_DATA, "not a JSON object, found %s", with_article(first));
        return decoded_bad(ev, "not_object");
    }
    return judge_is_control(j) ? judge_control(j, ev, e) : DECODED_EVENT;
}
