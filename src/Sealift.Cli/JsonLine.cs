using System.Text;
using System.Text.Json;

namespace Sealift.Cli;

/// <summary>One JSON object on one line of standard output.</summary>
internal static class JsonLine
{
    /// <summary>Writes an object whose members the caller adds.</summary>
    public static void Write(Action<Utf8JsonWriter> members)
    {
        using var line = new MemoryStream();
        using (var writer = new Utf8JsonWriter(line))
        {
            writer.WriteStartObject();
            members(writer);
            writer.WriteEndObject();
        }

        Console.Out.WriteLine(Encoding.UTF8.GetString(line.GetBuffer(), 0, (int)line.Length));
    }
}
