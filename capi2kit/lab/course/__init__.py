"""The course: cases of the lab that ask questions, mark the answers, and explain them from the records.

paper (what is asked, and the evidence)  →  marking (an answer → right or wrong, and why)  →  terminal or notebook (who asks)
"""
