/*
 * probes.h - what the web server's probes hand to eBPF programs.
 *
 *     #include "uio_bpf.h"
 *     #include "../web/probes.h"
 *
 *     SEC("probe/request")
 *     unsigned long long on_request(struct web_request *request) { return WEB_SERVE; }
 *
 * The same as `Asked` and `Answered` in src/probes.rs; a test compares them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef WEB_PROBES_H
#define WEB_PROBES_H

/* What a program at the probe `request` returns, as an `unsigned long long`. */

/* Answer as usual. */
#define WEB_SERVE 0ULL
/* Answer with that status, from 400 to 599, and nothing else. */
#define WEB_REFUSE(status) ((unsigned long long)(status))
/* Answer as usual after so many milliseconds; more than 60000 are 60000. */
#define WEB_DELAY_MS(ms) (1ULL << 32 | ((unsigned long long)(ms) & 0xffffffffULL))

/* `body_bytes` of a body that comes in chunks. */
#define WEB_LENGTH_UNKNOWN (~0ULL)

/* SEC("probe/request"): a request is about to be answered. Texts end with a zero. */
struct web_request {
    unsigned long long connection; /* number of the connection, from 1 */
    unsigned long long body_bytes; /* as announced; 0 without a body */
    unsigned int number;           /* which request on its connection, from 1 */
    unsigned int path_len;         /* of the whole path, be it more than fits */
    char method[8];                /* cut to 7 bytes */
    char peer[40];                 /* address of the client */
    char path[128];                /* decoded, without query; cut to 127 bytes */
};

/* SEC("probe/answered"): an answer is ready to be sent. What a program returns is not looked at. */
struct web_answered {
    unsigned long long connection; /* number of the connection, from 1 */
    unsigned long long bytes;      /* of content */
    unsigned long long micros;     /* since the request's head was read; 0 if unknown */
    unsigned int status;
    unsigned int path_len;         /* of the whole path, be it more than fits */
    char path[128];                /* as in struct web_request */
};

_Static_assert(sizeof(struct web_request) == 200, "struct web_request");
_Static_assert(__builtin_offsetof(struct web_request, number) == 16, "number");
_Static_assert(__builtin_offsetof(struct web_request, method) == 24, "method");
_Static_assert(__builtin_offsetof(struct web_request, peer) == 32, "peer");
_Static_assert(__builtin_offsetof(struct web_request, path) == 72, "path");
_Static_assert(sizeof(struct web_answered) == 160, "struct web_answered");
_Static_assert(__builtin_offsetof(struct web_answered, micros) == 16, "micros");
_Static_assert(__builtin_offsetof(struct web_answered, path) == 32, "path");

#endif
