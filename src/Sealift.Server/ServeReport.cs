using System.Text;
using System.Text.Json;
using Sealift.Posix;

namespace Sealift.Server;

/// <summary>What ended the server, as the command would say it.</summary>
internal static class ServeReport
{
    /// <summary>Reports an error on standard error, and as a JSON line where those were asked for, and says which exit code it is (docs/exit-codes.md).</summary>
    public static int Write(Exception error, bool json)
    {
        var (code, text, next) = error switch
        {
            SealiftException e => (e.Code, $"cannot {e.Attempt}: {e.Subject}: {e.Said}", e.NextStep),
            OperationCanceledException => ("SL8002", "interrupted", "What was begun goes on when the server is started again"),
            _ => ("SL8001", $"unexpected {error.GetType().Name}: {error.Message}", "This is a fault in sealift: please report it with the text below"),
        };
        if (json) Console.Out.WriteLine(JsonSerializer.Serialize(new Dictionary<string, string> { ["event"] = "error", ["code"] = code, ["message"] = text, ["nextStep"] = next }));
        Console.Error.WriteLine($"sealift: {code}: {Printable(text)}\n  what to do: {Printable(next)}");
        if (code == "SL8001") Console.Error.WriteLine(error);
        return error switch { SealiftException => 5, OperationCanceledException => 4, _ => 70 };
    }

    /// <summary>A text without what a terminal would obey.</summary>
    public static string Printable(string text)
    {
        var clean = new StringBuilder(text.Length);
        foreach (var c in text) clean.Append(char.IsControl(c) ? '\uFFFD' : c);
        return clean.ToString();
    }
}
