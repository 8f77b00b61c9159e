using System.Text;

namespace Sealift.Providers;

/// <summary>Names from outside reduced to what is safe in a path, an XML attribute and a script.</summary>
public static class SafeName
{
    private const int MaxLength = 64;

    /// <summary>Keeps <c>[A-Za-z0-9._-]</c>, turns the rest into dashes, and never starts with a dot or a dash.</summary>
    public static string Of(string name)
    {
        var safe = new StringBuilder();
        foreach (var c in name)
        {
            if (safe.Length == MaxLength) break;
            var ok = char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-';
            if (safe.Length == 0 && (!ok || c is '.' or '-')) continue;
            safe.Append(ok ? c : '-');
        }

        return safe.Length == 0 ? "machine" : safe.ToString().TrimEnd('-', '.');
    }
}
