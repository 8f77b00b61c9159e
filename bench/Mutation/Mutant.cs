using Microsoft.CodeAnalysis;

namespace Sealift.Bench.Mutation;

/// <summary>How a mutant is built around the node that it changes.</summary>
internal enum Form
{
    /// <summary>A condition that always holds.</summary>
    True,

    /// <summary>A condition that never holds.</summary>
    False,

    /// <summary>Another expression in its place.</summary>
    Replace,

    /// <summary>A statement that is left out.</summary>
    Drop,

    /// <summary>The body of a member or lambda that is one call, left out.</summary>
    DropBody,

    /// <summary>A catch that catches nothing.</summary>
    NoCatch,
}

/// <summary>One change of the code, which a test should notice.</summary>
internal sealed class Mutant
{
    /// <summary>Its number, which the switch in the mutated assembly is set to.</summary>
    public required int Id { get; init; }

    /// <summary>How it is built.</summary>
    public required Form Form { get; init; }

    /// <summary>What it changes, in the tree as it was read.</summary>
    public required SyntaxNode Node { get; init; }

    /// <summary>What stands in its place, for <see cref="Mutation.Form.Replace"/>.</summary>
    public string Replacement { get; init; } = string.Empty;

    /// <summary>In words: <c>condition always false</c>.</summary>
    public required string Operator { get; init; }

    /// <summary>Whether it removes a check: the ones that have to be explained where they survive.</summary>
    public required bool RemovesCheck { get; init; }

    /// <summary>Whether it may act while a type is initialised, which happens once in a process.</summary>
    public required bool IsStatic { get; init; }

    /// <summary>The file, from the root of the repository.</summary>
    public required string File { get; init; }

    /// <summary>The line, from 1.</summary>
    public required int Line { get; init; }

    /// <summary>The text of the line, trimmed: what a person finds it by, and what stays when lines are added above it.</summary>
    public required string LineText { get; init; }

    /// <summary>The member that it is in, by its place in the file.</summary>
    public required int Member { get; init; }

    /// <summary>What it was, on one line.</summary>
    public string Before => OneLine(Node.ToString());

    /// <summary>Says which mutant it is, in words that outlive edits elsewhere in the file.</summary>
    public string Key => $"{File}|{LineText}|{Change}";

    /// <summary>What is changed, and into what.</summary>
    public string Change => (Form == Form.Replace ? $"{Before} => {OneLine(Replacement)}" : $"{Operator}: {Before}") + (Occurrence == 1 ? string.Empty : $" (#{Occurrence})");

    /// <summary>From 2 on where a line of this text has the same change more than once in its file.</summary>
    public int Occurrence { get; set; } = 1;

    private static string OneLine(string text)
    {
        var line = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        return line.Length <= 160 ? line : line[..160] + "…";
    }
}
