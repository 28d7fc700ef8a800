#include "wire/frames.h"

#include "check.h"
#include "transcript.h"

#define OPEN "{\"@ev\":\"open\",\"version\":1,\"tool\":\"evcat\",\"watermarks\":true}"
#define END "{\"@ev\":\"end\",\"final\":true}"

static const struct decode_options streams = {.may_open = true};

static void add_control(struct buf *out, const char *text) {
    size_t chunk = frame_begin(out);
    buf_adds(out, text);
    frame_end(out, chunk, FRAME_CONTROL, true);
}

static void add_event(struct buf *out, const char *text, int64_t time, int64_t watermark) {
    size_t record = record_begin(out, time, watermark);
    buf_adds(out, text);
    record_end(out, record);
}

/* Two events, a watermark, one more. */
static struct buf sample(void) {
    struct buf out = {0};
    frames_start(&out);
    add_control(&out, OPEN);
    size_t chunk = frame_begin(&out);
    add_event(&out, "{\"a\":1}", 0, TIME_NONE);
    add_event(&out, "{\"a\":2}", 1000000, 0);
    frame_end(&out, chunk, FRAME_DATA, true);
    add_control(&out, "{\"@ev\":\"watermark\",\"time\":\"1970-01-01T00:00:01Z\"}");
    chunk = frame_begin(&out);
    add_event(&out, " {\"a\": 3}", TIME_NONE, 1000000);
    frame_end(&out, chunk, FRAME_DATA, false);
    add_control(&out, END);
    return out;
}

static void events_come_with_their_times(void) {
    struct buf s = sample();
    CHECK_TRANSCRIPT(FORMAT_AUTO, (struct decode_options){0}, s.p, s.n,
        "control " OPEN "\n"
        "event 1 {\"a\":1} time 1970-01-01T00:00:00Z\n"
        "event 2 {\"a\":2} time 1970-01-01T00:00:01Z watermark 1970-01-01T00:00:00Z\n"
        "control {\"@ev\":\"watermark\",\"time\":\"1970-01-01T00:00:01Z\"}\n"
        "event 3  {\"a\": 3} watermark 1970-01-01T00:00:01Z\n"
        "control " END "\n");
    buf_free(&s);
}

static bool fails(struct slice stream, const char *with) {
    struct buf got = transcript(FORMAT_AUTO, streams, pieces_of(stream, 0, 0));
    bool does = strstr(got.p, "failed ") && strstr(got.p, with);
    if (!does) fprintf(stderr, "%s", got.p);
    buf_free(&got);
    return does;
}

static void stops_before_its_end_wherever_it_is_cut(void) {
    struct buf s = sample();
    for (size_t n = 1; n < s.n; n++) CHECK(fails((struct slice){s.p, n}, "stops before its end"));
    buf_addc(&s, '\x01');
    CHECK(fails(buf_slice(&s), "stops before its end") || fails(buf_slice(&s), "behind its end"));
    buf_free(&s);
}

static void add_framed(struct buf *out, const char *payload, size_t n, enum frame_type type) {
    out->n = 0;
    frames_start(out);
    add_control(out, OPEN);
    size_t chunk = frame_begin(out);
    buf_add(out, payload, n);
    frame_end(out, chunk, type, false);
}

static void what_is_wrong_is_named(void) {
    struct buf s = {0}, event = {0};
    add_event(&event, "{\"a\":1}", 0, 0);
    add_framed(&s, event.p, event.n - 1, FRAME_DATA);
    CHECK(fails(buf_slice(&s), "a record does not end where it should"));
    frames_put32(event.p + 4, 1);
    add_framed(&s, event.p, event.n, FRAME_DATA);
    CHECK(fails(buf_slice(&s), "shape"));
    frames_put32(event.p + 4, 0);
    frames_put64(event.p + 8, (uint64_t)TIME_MAX + 1);
    add_framed(&s, event.p, event.n, FRAME_DATA);
    CHECK(fails(buf_slice(&s), "a time out of range"));
    event.n = 0;
    add_event(&event, "{\"a\":\n1}", 0, 0);
    add_framed(&s, event.p, event.n, FRAME_DATA);
    CHECK(fails(buf_slice(&s), "a newline in it"));
    event.n = 0;
    add_event(&event, END, 0, 0);
    add_framed(&s, event.p, event.n, FRAME_DATA);
    CHECK(fails(buf_slice(&s), "a control record among events"));
    add_framed(&s, "{}", 2, FRAME_CONTROL);
    CHECK(fails(buf_slice(&s), "a control record is none"));
    add_framed(&s, OPEN, strlen(OPEN), FRAME_CONTROL);
    CHECK(fails(buf_slice(&s), "a second open record"));
    add_framed(&s, "x", 1, (enum frame_type)3);
    CHECK(fails(buf_slice(&s), "a type that is not known here"));
    buf_free(&s);
    buf_free(&event);
}

static void other_versions_are_refused(void) {
    struct buf s = {0};
    frames_start(&s);
    s.p[8] = 2;
    CHECK(fails(buf_slice(&s), "checksum of the beginning"));
    s.n = 0;
    frames_start(&s);
    add_control(&s, "{\"@ev\":\"open\",\"version\":2,\"watermarks\":true}");
    CHECK(fails(buf_slice(&s), "the stream is of version 2"));
    buf_free(&s);
}

#define LINES(text, want) CHECK_TRANSCRIPT(FORMAT_LINES, streams, text, sizeof text - 1, want)

static void control_lines_stand_between_events(void) {
    LINES(OPEN
        "\n{\"a\":1}\n{\"@ev\":\"watermark\",\"time\":\"1970-01-01T00:00:01Z\"}\n{\"a\":2}\n" END
        "\n",
        "control " OPEN "\nevent 2 {\"a\":1}\n"
        "control {\"@ev\":\"watermark\",\"time\":\"1970-01-01T00:00:01Z\"}\n"
        "event 4 {\"a\":2}\ncontrol " END "\n");
    LINES(OPEN "\n", "control " OPEN "\n"
                     "failed 1 the stream stops before its end: evcat upstream was killed, or what "
                     "stands between dropped the last line\n");
    LINES(OPEN "\n" END "\n{}\n",
        "control " OPEN "\ncontrol " END "\n"
        "failed 2 the stream goes on behind its end: two streams were put together\n");
    LINES(OPEN "\n{\"@ev\":\"x\"}\n",
        "control " OPEN "\nfailed 2 no control record is named \"x\"\n");
}

static void without_an_open_record_they_are_bad_input(void) {
    LINES("{}\n" END "\n", "event 1 {}\n"
                           "bad 2 control: a top-level \"@ev\" is reserved for control lines "
                           "[" END "]\n");
    struct decode_options source = {0};
    const char text[] = OPEN "\n";
    CHECK_TRANSCRIPT(FORMAT_LINES, source, text, sizeof text - 1,
        "bad 1 control: a top-level \"@ev\" is reserved for control lines [" OPEN "]\n");
}

int main(void) {
    RUN(events_come_with_their_times);
    RUN(stops_before_its_end_wherever_it_is_cut);
    RUN(what_is_wrong_is_named);
    RUN(other_versions_are_refused);
    RUN(control_lines_stand_between_events);
    RUN(without_an_open_record_they_are_bad_input);
    return check_done();
}
