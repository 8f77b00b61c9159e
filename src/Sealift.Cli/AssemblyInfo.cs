using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Sealift.Cli.Tests")]
