"""What ships learned: dictionaries and tracker models, each with its card and the script that made it.

The folder ``templates/`` of the repository is this package. Data are ``.npz`` files without pickled
objects, and JSON; the scripts beside them need a soundfont and ``fluidsynth``, which a user of the
package does not.
"""
