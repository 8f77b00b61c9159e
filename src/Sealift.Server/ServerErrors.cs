using Sealift.Posix;

namespace Sealift.Server;

/// <summary>Errors of the server; SL90xx.</summary>
internal static class ServerErrors
{
    public static SealiftException BadSettings(string file, string said) => new(
        "SL9001", "read the server's settings", file, said, "See the table of settings in docs/server.md");

    public static SealiftException BadListen(string text, string said) => new(
        "SL9002", "understand where to listen", text, said, "Give an address and a port, such as 127.0.0.1:8443 or [::1]:8443");

    public static SealiftException OpenWithoutTls(string address) => new(
        "SL9003", "listen where other hosts reach it", address, "there is no certificate, so that passwords would cross the network readable", "Give --tls-certificate and --tls-key, or listen on 127.0.0.1");

    public static SealiftException OpenWithoutUser(string address) => new(
        "SL9004", "listen where other hosts reach it", address, "there is no user yet, so that whoever comes first would own it", "Add one: sealift serve user add NAME --role admin");

    public static SealiftException BadCertificate(string path, string said, Exception? inner = null) => new(
        "SL9005", "use the certificate", path, said, "Give a PEM file with the certificate and one with its key", inner);

    public static SealiftException CannotListen(string address, string said, Exception inner) => new(
        "SL9006", "listen", address, said, "See who listens there: ss -ltnp", inner);
}
