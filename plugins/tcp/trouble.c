#include "trouble.h"

const char *const trouble_classes[] = {"ok",
                                       "refused",
                                       "unreachable",
                                       "timeout",
                                       "reset",
                                       "closed",
                                       "busy",
                                       "unexpected",
                                       "dns",
                                       "tls",
                                       "denied",
                                       "no_way",
                                       "config",
                                       NULL};

/* The first that fits; a name's failure is the name's, whatever its number. */
static const struct {
    int status;
    int stage; /* zero: any */
    enum trouble trouble;
} known[] = {
    {-ETIMEDOUT, PROBE_RESOLVING, TROUBLE_DNS},
    {-ETIMEDOUT, 0, TROUBLE_TIMEOUT},
    {-ECONNREFUSED, 0, TROUBLE_REFUSED},
    {-ENOENT, PROBE_CONNECTING, TROUBLE_REFUSED}, /* a socket's file that is not there */
    {-EHOSTUNREACH, 0, TROUBLE_UNREACHABLE},
    {-ENETUNREACH, PROBE_CONNECTING, TROUBLE_NO_WAY},
    {-EADDRNOTAVAIL, PROBE_CONNECTING, TROUBLE_NO_WAY},
    {-EAFNOSUPPORT, PROBE_CONNECTING, TROUBLE_NO_WAY},
    {-EACCES, PROBE_CONNECTING, TROUBLE_DENIED},
    {-EPERM, PROBE_CONNECTING, TROUBLE_DENIED},
    {-EAGAIN, PROBE_CONNECTING, TROUBLE_BUSY}, /* of a Unix socket */
    {-EACCES, PROBE_SECURING, TROUBLE_TLS},
    {-EPROTO, PROBE_SECURING, TROUBLE_TLS},
    {-ENOENT, PROBE_SECURING, TROUBLE_CONFIG},
    {-EMSGSIZE, 0, TROUBLE_UNEXPECTED},
    {-EINVAL, 0, TROUBLE_CONFIG},
    {-ENOMEM, 0, TROUBLE_CONFIG},
    {-EMFILE, 0, TROUBLE_CONFIG},
    {-ENFILE, 0, TROUBLE_CONFIG},
    {-ECANCELED, 0, TROUBLE_CONFIG},
};

enum trouble trouble_of(int status, enum probe_stage stage)
{
    if (stage == PROBE_RESOLVING && status != -ECANCELED)
        return TROUBLE_DNS;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (known[i].status == status && (known[i].stage == 0 || known[i].stage == (int)stage))
            return known[i].trouble;
    return TROUBLE_RESET;
}

bool trouble_is_ours(enum trouble trouble)
{
    return trouble >= TROUBLE_DNS;
}

const char *trouble_hint(enum trouble trouble, enum probe_stage stage)
{
    switch (trouble) {
    case TROUBLE_REFUSED:
        return "nobody listens there: is the service running?";
    case TROUBLE_UNREACHABLE:
        return "a router says that it cannot be reached: is the host up, and its network?";
    case TROUBLE_TIMEOUT:
        return stage == PROBE_CONNECTING
                   ? "a firewall drops what we send, the host is gone, or its backlog is full"
               : stage == PROBE_SECURING ? "it hangs, or has no TLS here: then write tcp://"
                                         : "it accepts and does not answer: see the service's log";
    case TROUBLE_BUSY:
        return "nobody takes the connections that wait: the service hangs, or is overrun";
    case TROUBLE_CLOSED:
    case TROUBLE_RESET:
        return "see the service's log; a proxy in between hangs up where nobody is behind it";
    case TROUBLE_UNEXPECTED:
        return "compare `expect` with what it says, in `answer`";
    case TROUBLE_DNS:
        return "compare the URL's host with your DNS";
    case TROUBLE_TLS:
        return "an authority of your own is trusted with tls: {ca: FILE}; else compare the port";
    case TROUBLE_DENIED:
        return "let the agent's user connect: rights of the socket and its folder, a local "
               "firewall";
    case TROUBLE_NO_WAY:
        return "see this machine's routes";
    case TROUBLE_CONFIG:
        return stage == PROBE_SECURING ? "see the files that `tls` names"
                                       : "see the agent's own rights and limits";
    default:
        return NULL;
    }
}
