#include "check.h"
#include "transcript.h"

#define READS(text, want)                                                                          \
    CHECK_TRANSCRIPT(FORMAT_DOCUMENTS, (struct decode_options){0}, text, sizeof text - 1, want)

static void takes_an_array_apart(void) {
    READS("[{\"a\":1},{\"a\":[1,{}]}]", "event 1 {\"a\":1}\nevent 1 {\"a\":[1,{}]}\n");
    READS("[]", "");
    READS("", "");
    READS(" [ ] \n", "");
    READS("[{\"a\":1}\n,\n{\"a\":2}\n]\n[{\"a\":3}] {\"a\":4}",
        "event 1 {\"a\":1}\nevent 3 {\"a\":2}\nevent 5 {\"a\":3}\nevent 5 {\"a\":4}\n");
}

static void takes_values_one_behind_the_other(void) {
    READS("{\"a\":1}{\"b\":\"}\\\"{\"}\n\n{}",
        "event 1 {\"a\":1}\nevent 1 {\"b\":\"}\\\"{\"}\nevent 3 {}\n");
    READS("\xEF\xBB\xBF{}", "event 1 {}\n");
}

static void makes_a_line_of_an_event(void) {
    READS("{\r\n  \"a\": 1,\n\t\"b\": \"x\\ny\"\n}\n{}",
        "event 1 {    \"a\": 1, \t\"b\": \"x\\ny\" }\nevent 5 {}\n");
}

static void goes_on_behind_what_is_no_object(void) {
    READS("[1, \"x]\", [2], {\"a\":1}, null]\n12 true\"x\"",
        "bad 1 not_object: not a JSON object, found a number [1]\n"
        "bad 1 not_object: not a JSON object, found a string [\"x]\"]\n"
        "bad 1 not_object: not a JSON object, found an array [[2]]\n"
        "event 1 {\"a\":1}\n"
        "bad 1 not_object: not a JSON object, found null [null]\n"
        "bad 2 not_object: not a JSON object, found a number [12]\n"
        "bad 2 not_object: not a JSON object, found true [true]\n"
        "bad 2 not_object: not a JSON object, found a string [\"x\"]\n");
    READS("{\"@ev\":1}{}", "bad 1 control: a top-level \"@ev\" is reserved for control lines "
                           "[{\"@ev\":1}]\nevent 1 {}\n");
}

static void stops_at_a_broken_document(void) {
    READS("[{}\n,{\"a\":[}]", "event 1 {}\nfailed 2 '}' where nothing like it is open\n");
    READS("[{}\n{}]", "event 1 {}\nfailed 2 expected ',' or ']' behind an element, found \"{\"\n");
    READS("[{},]", "event 1 {}\nfailed 1 expected an element, found \"]\"\n");
    READS("[{}", "event 1 {}\nfailed 1 expected ',' or ']' behind an element, found the end\n");
    READS("{}\n\n{\"a\":\n[1", "event 1 {}\nfailed 3 ends inside the value that begins here\n");
    READS("{\"a\"\n:tru}",
        "failed 1 in the value that begins here: byte 7: expected a value, found 't'\n");
    READS("{\"a\":\"x\ny\"}",
        "failed 1 in the value that begins here: byte 8: control character 0x0a in a string\n");
}

static void bounds_an_element(void) {
    struct decode_options o = {.max_line = 10};
    const char text[] = "[{\"a\":1234},{\"a\":[\"]\",\"]\",\"]\"]},{}, 12345678901]";
    CHECK_TRANSCRIPT(FORMAT_DOCUMENTS, o, text, sizeof text - 1,
        "event 1 {\"a\":1234}\n"
        "bad 1 too_long: longer than 10 bytes (--max-line) [{\"a\":[\"]\",]\n"
        "event 1 {}\n"
        "bad 1 too_long: longer than 10 bytes (--max-line) [1234567890]\n");
}

static void reads_a_large_array_in_pieces(void) {
    struct buf text = {0};
    buf_addc(&text, '[');
    for (int i = 0; i < 500; i++)
        buf_printf(&text, "%s{\n  \"id\": %d,\n  \"v\": \"%*s]\\\"\",\n  \"f\": [%d, {}]\n}",
            i ? ",\n" : "", i, i, "x", i);
    buf_adds(&text, "]\n");
    CHECK(same_in_pieces(FORMAT_DOCUMENTS, (struct decode_options){0}, buf_slice(&text)));
    buf_free(&text);
}

int main(void) {
    RUN(takes_an_array_apart);
    RUN(takes_values_one_behind_the_other);
    RUN(makes_a_line_of_an_event);
    RUN(goes_on_behind_what_is_no_object);
    RUN(stops_at_a_broken_document);
    RUN(bounds_an_element);
    RUN(reads_a_large_array_in_pieces);
    return check_done();
}
