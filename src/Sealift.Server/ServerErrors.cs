using Sealift.Posix;

namespace Sealift.Server;

/// <summary>Errors of the server; SL90xx.</summary>
internal static class ServerErrors
{
    public static SealiftException BadSettings(string file, string said, Exception? inner = null) => new(
        "SL9001", "use the server's settings", file, said, "See the table of settings in docs/server.md", inner);

    public static SealiftException BadListen(string text, string said) => new(
        "SL9002", "understand where to listen", text, said, "Give an address and a port, such as 127.0.0.1:8443 or [::1]:8443");

    public static SealiftException OpenWithoutTls(string address) => new(
        "SL9003", "listen where other hosts reach it", address, "there is no certificate, so that passwords would cross the network readable", "Give --tls-certificate and --tls-key, or listen on 127.0.0.1");

    public static SealiftException OpenWithoutUser(string address) => new(
        "SL9004", "listen where other hosts reach it", address, "there is no user yet, so that whoever comes first would own it", "Add one: sealift serve user add NAME --role admin");

    public static SealiftException BadCertificate(string path, string said, Exception? inner = null) => new(
        "SL9005", "use the certificate", path, said, "Give a PEM file with the certificate and one with its key, which others may not read", inner);

    public static SealiftException CannotListen(string address, string said, Exception inner) => new(
        "SL9006", "listen", address, said, "See who listens there: ss -ltnp", inner);

    public static SealiftException BadUserName(string name) => new(
        "SL9010", "add a user", Shown(name), "a name is made of 1 to 64 lower-case letters, digits, dots, dashes and underscores, and begins with a letter or a digit", "Choose another name");

    public static SealiftException BadPassword(string user, string said) => new(
        "SL9011", "take the password", $"user {Shown(user)}", said, "Choose another: four or five words that have nothing to do with each other are easy to keep in mind");

    public static SealiftException BadScope(string scope) => new(
        "SL9012", "give rights", Shown(scope), "it is none of read, plan, operate, admin", "Name at least one of these");

    public static SealiftException UserExists(string name) => new(
        "SL9013", "add a user", Shown(name), "there is one of this name", "Choose another name, or give this one another password");

    public static SealiftException NoUser(string name) => new(
        "SL9014", "find a user", Shown(name), "the server has none of this name; who logs in elsewhere is none of its own", "See them: sealift serve user list");

    public static SealiftException SetUpAlready() => new(
        "SL9015", "set the server up", "the set-up link", "it was used, is older than an hour, or there is a user already", "Log in; where nobody can, start the server again, or add a user: sealift serve user add NAME --role admin");

    public static SealiftException LastAdmin(string name) => new(
        "SL9016", "take rights away", $"user {Shown(name)}", "nobody would be left with the role admin", "Give it to somebody else first");

    public static SealiftException BadToken(string name, string said) => new(
        "SL9017", "make a token", Shown(name), said, "Change that, or remove a token that is not used");

    public static SealiftException NoToken(string id) => new(
        "SL9018", "find a token", Shown(id), "there is none, or it is somebody else's", "See them: GET /api/v1/tokens");

    public static SealiftException NotLoggedIn() => new(
        "SL9023", "know who asks", "the request", "nobody is logged in, or the session or the token is over", "Log in, or send a token: Authorization: Bearer …");

    public static SealiftException NotAllowed(string path, string scope) => new(
        "SL9024", "do this", path, $"it needs the right '{scope}'", "Ask somebody with the role admin for it");

    public static SealiftException CrossSite() => new(
        "SL9025", "do this", "the request", "it does not say that it comes from a page of this server", "Send X-Sealift-Request: 1 from a page of this server, or use a token instead of a cookie");

    public static SealiftException ForeignHost(string host) => new(
        "SL9026", "answer", Shown(host), "this server is not called that", "Use an address that it listens on, or tell it the name: --host-name");

    public static SealiftException TooManyRequests(int seconds) => new(
        "SL9027", "answer", "the request", "there were too many", $"Wait for {seconds} s");

    public static SealiftException BadRequest(string path, string said) => new(
        "SL9028", "understand a request", path, said, "See docs/formats/openapi.json for what it should be");

    public static SealiftException Unexpected(string request) => new(
        "SL9029", "answer", $"request {request}", "something unexpected happened", "This is a fault in sealift: please report it with what the server's log says of this request");

    public static SealiftException NotFound(string kind, string name) => new(
        "SL9030", $"find a {kind}", Shown(name), "there is none", "See what there is: the same address without the name lists it");

    public static SealiftException Changed(string kind, string name, string generation) => new(
        "SL9031", $"change a {kind}", Shown(name), $"it is at generation {generation} by now", "Read it again, and make the change to what is there");

    public static SealiftException NoCondition(string kind, string name) => new(
        "SL9032", $"change a {kind}", Shown(name), "the request does not say which generation it replaces", "Send If-Match with the ETag of the one that was read, If-None-Match: * for a new one, or If-Match: * for whichever there is");

    public static SealiftException TooManyWatchers() => new(
        "SL9033", "send events", "the request", "too many watch already", "Close pages that nobody looks at");

    public static SealiftException VerifyingAlready(string migration) => new(
        "SL9034", "verify a migration", migration, "it is being verified, or two others are", "Wait until these are done");

    public static SealiftException Stopping(string path) => new(
        "SL9036", "answer", Shown(path), "the server is stopping", "Ask again once it runs");

    public static SealiftException OfStatus(int status, string path) => status switch
    {
        404 => new("SL9030", "find an address", Shown(path), "there is none", "See docs/formats/openapi.json for what there is"),
        _ => new("SL9028", "understand a request", Shown(path), $"HTTP status {status}", "See docs/formats/openapi.json for what it should be"),
    };

    private static string Shown(string text) => ServeReport.Printable(text.Length <= 100 ? text : $"{text[..100]}…");
}
