using Sealift.Site;

// usage: Site REPOSITORY SITE MAN. Writes the site and the manual pages of the book into two directories; what is there already stays, so eng/build-site removes both before.
if (args is not [var repository, var site, var man])
{
    Console.Error.WriteLine("usage: Site REPOSITORY SITE-DIRECTORY MAN-DIRECTORY");
    return 2;
}

var book = Book.Read(Path.GetFullPath(repository));
SiteWriter.Write(book, Path.GetFullPath(site));
SiteWriter.WriteManual(book, Path.GetFullPath(man));
return 0;
